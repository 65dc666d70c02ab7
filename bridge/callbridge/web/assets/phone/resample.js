// From any sample rate to any other: a sinc under a Kaiser window, looked up in a table.

const HALF = 24; // samples of the lower rate to each side: 3 ms of 8 kHz
const STEPS = 512; // of the table, for each of them
const CUTOFF = 0.92; // of half the lower rate
const BETA = 8;

function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-9 * sum; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

const TABLE = Float32Array.from({length: HALF * STEPS + 2}, (_, at) => {
  const time = at / STEPS;
  if (time >= HALF) return 0;
  const sinc = time === 0 ? 1 : Math.sin(Math.PI * CUTOFF * time) / (Math.PI * CUTOFF * time);
  return CUTOFF * sinc * (bessel(BETA * Math.sqrt(1 - (time / HALF) ** 2)) / bessel(BETA));
});

/** One stream; has memory. Lags by HALF samples of the lower rate. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to; // inputs for each output
    this.scale = Math.min(1, to / from);
    this.reach = Math.ceil(HALF / this.scale);
    this.kept = new Float32Array(2 * this.reach);
    this.next = this.reach; // of `kept`: where the next output is, with a fraction
    this.same = from === to;
  }

  process(input) {
    if (this.same) return input;
    const samples = new Float32Array(this.kept.length + input.length);
    samples.set(this.kept);
    samples.set(input, this.kept.length);
    const last = samples.length - this.reach;
    const output = new Float32Array(Math.max(0, Math.ceil((last - this.next) / this.step)));
    for (let at = 0; at < output.length; at += 1) output[at] = this.sum(samples, this.next + at * this.step);
    this.next += output.length * this.step;
    const done = Math.floor(this.next) - this.reach;
    this.kept = samples.slice(done);
    this.next -= done;
    return output;
  }

  sum(samples, centre) {
    const first = Math.ceil(centre - this.reach);
    const end = Math.min(Math.floor(centre + this.reach), samples.length - 1);
    let sum = 0;
    for (let at = Math.max(first, 0); at <= end; at += 1) {
      const place = Math.abs(at - centre) * this.scale * STEPS;
      const cell = Math.floor(place);
      if (cell < TABLE.length - 1) {
        sum += samples[at] * (TABLE[cell] + (place - cell) * (TABLE[cell + 1] - TABLE[cell]));
      }
    }
    return sum * this.scale;
  }
}
