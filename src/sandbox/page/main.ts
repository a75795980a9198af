import './style/base.css';
import './style/layout.css';
import './style/message.css';
import './style/media.css';
import './style/composer.css';
import './discord-app.ts';
