import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients.js';

tf.enableProdMode(); // without its advice to install another backend

/** TensorFlow.js on its own JavaScript backend, for networks of a few numbers. */
export const tensorflow = tf;
