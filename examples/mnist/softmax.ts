/** Softmax regression by mini-batch gradient descent: a class, whose state is the weights trained so far. */

import { type Digits, generator, SIDE } from "./data.ts";
import { type Timed, timed } from "./timed.ts";

const LABELS = 10;
const PIXELS = SIDE * SIDE;
// A weight for each pixel and one for the bias.
const INPUTS = PIXELS + 1;
const BATCH = 50;
const LEARNING_RATE = 0.2;

/** A linear classifier of digits that can be trained further and further. */
export class SoftmaxRegression {
  readonly #digits: Digits;
  readonly #random: () => number;
  readonly #weights = new Float64Array(LABELS * INPUTS);

  constructor(digits: Digits, seed: number) {
    this.#digits = digits;
    this.#random = generator(seed);
  }

  /** Goes some times over the training digits, and gives the mean loss of the last time. */
  fit(epochs: number): Timed<number> {
    return timed(() => {
      let loss = 0;
      for (let epoch = 0; epoch < epochs; epoch++) loss = this.#epoch();
      return loss;
    });
  }

  /** The most probable label of each digit. */
  predict({ pixels, labels }: Digits): Timed<Uint8Array> {
    return timed(() =>
      labels.map((_, digit) => {
        const scores = this.#scores(pixels, digit);
        return scores.indexOf(Math.max(...scores));
      })
    );
  }

  #epoch(): number {
    const { pixels, labels } = this.#digits;
    let loss = 0;
    for (let seen = 0; seen < labels.length; seen += BATCH) {
      const gradient = new Float64Array(this.#weights.length);
      for (let i = 0; i < BATCH; i++) {
        const digit = Math.floor(this.#random() * labels.length);
        loss += this.#addGradient(gradient, pixels, digit, labels[digit]);
      }
      for (let i = 0; i < gradient.length; i++) {
        this.#weights[i] -= LEARNING_RATE / BATCH * gradient[i];
      }
    }
    return loss / labels.length;
  }

  /** Adds one digit's gradient of the cross entropy, and gives its loss. */
  #addGradient(gradient: Float64Array, pixels: Uint8Array, digit: number, truth: number): number {
    const scores = this.#scores(pixels, digit);
    const highest = Math.max(...scores);
    const powers = scores.map((score) => Math.exp(score - highest));
    const sum = powers.reduce((total, power) => total + power, 0);
    const offset = digit * PIXELS;
    for (let label = 0; label < LABELS; label++) {
      const error = powers[label] / sum - (label === truth ? 1 : 0);
      const row = label * INPUTS;
      for (let i = 0; i < PIXELS; i++) gradient[row + i] += error * pixels[offset + i] / 255;
      gradient[row + PIXELS] += error;
    }
    return -Math.log(powers[truth] / sum);
  }

  #scores(pixels: Uint8Array, digit: number): number[] {
    const offset = digit * PIXELS;
    return Array.from({ length: LABELS }, (_, label) => {
      const row = label * INPUTS;
      let score = this.#weights[row + PIXELS];
      for (let i = 0; i < PIXELS; i++) score += this.#weights[row + i] * pixels[offset + i] / 255;
      return score;
    });
  }
}
