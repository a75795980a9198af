/** A share of 1 as people read it: 0.418 is 41.8 %. */
export const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
