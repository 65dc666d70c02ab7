// The jitter buffer of the loudspeaker, as carrier/people/browser.py is that of the microphone:
// never long; what is missing fades out, what is too much is blended away.

const MAX_FRAMES = 15; // 300 ms
const FIRST_TARGET = 2; // frames that wait before any is heard
const MAX_TARGET = 6;
const WATCHED = 100; // frames: so long there was one too much before one is left out
const MUCH = 3; // with so many too much only ...
const SOON = 12; // ... so long
const CALM = 1000; // frames: so long nothing was missing before the target goes down

export class PlaybackBuffer {
  constructor(frameLength) {
    this.silence = new Float32Array(frameLength);
    this.waiting = [];
    this.last = null; // null while nothing is heard
    this.target = FIRST_TARGET;
    this.dropped = this.blended = this.missed = 0;
    this.restart();
  }

  restart() {
    this.least = MAX_FRAMES;
    this.watched = this.calm = 0;
  }

  put(frame) {
    if (this.waiting.length === MAX_FRAMES) {
      this.waiting.shift();
      this.dropped += 1;
    }
    this.waiting.push(frame);
  }

  /** The next 20 ms. */
  take() {
    if (this.last === null) return this.begin();
    if (this.waiting.length === 0) return this.stop();
    let frame = this.waiting.shift();
    if (this.isTooMuch()) {
      const next = this.waiting.shift();
      frame = frame.map((sample, at) => sample + ((next[at] - sample) * at) / frame.length);
      this.blended += 1;
    }
    this.last = frame;
    return frame;
  }

  begin() {
    if (this.waiting.length < this.target) return this.silence;
    this.dropped += this.waiting.length - this.target;
    this.waiting = this.waiting.slice(-this.target); // nobody misses what comes before the beginning
    this.restart();
    this.last = this.waiting.shift();
    return this.last.map((sample, at) => (sample * at) / this.last.length);
  }

  stop() {
    this.missed += 1;
    this.target = Math.min(this.target + 1, MAX_TARGET);
    const backwards = this.last.slice().reverse(); // it goes on where the last one ended
    this.last = null;
    return backwards.map((sample, at) => sample * (1 - at / backwards.length));
  }

  isTooMuch() {
    this.least = Math.min(this.least, this.waiting.length);
    this.watched += 1;
    this.calm += 1;
    if (this.calm >= CALM) {
      this.calm = 0;
      this.target = Math.max(this.target - 1, FIRST_TARGET);
    }
    const tooMuch = this.least + 1 - this.target;
    if (this.watched < (tooMuch < MUCH ? WATCHED : SOON)) return false;
    this.least = MAX_FRAMES;
    this.watched = 0;
    return tooMuch > 0;
  }
}
