import type { Picture } from './picture.ts';

/**
 * Decodes a picture that anyone may have sent: PNG, JPEG, WebP or GIF; of an animation the first frame; turned as its
 * EXIF orientation says.
 * @param name the file's name, for messages
 * @throws InputError that says what is wrong with the file and what would be right
 */
export declare function decodePicture(bytes: Uint8Array, name: string): Promise<Picture>;
