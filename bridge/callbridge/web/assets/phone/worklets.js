// On the audio thread: the microphone becomes frames of 20 ms, frames become what is heard.

import {CODECS} from './g711.js';
import {PlaybackBuffer} from './jitter.js';
import {Resampler} from './resample.js';

const LEVEL_S = 0.1; // how often a level is told

class Level {
  constructor(port) {
    this.port = port;
    this.sum = this.count = 0;
  }

  add(samples) {
    for (const sample of samples) this.sum += sample * sample;
    this.count += samples.length;
    if (this.count < LEVEL_S * sampleRate) return;
    this.port.postMessage({level: Math.sqrt(this.sum / this.count)});
    this.sum = this.count = 0;
  }
}

/** Posts the payload of each frame, and levels. Told {muted}, and {over} when the call is. */
class PhoneCapture extends AudioWorkletProcessor {
  constructor({processorOptions: {codec}}) {
    super();
    this.codec = CODECS[codec];
    this.resampler = new Resampler(sampleRate, this.codec.rate);
    this.frame = new Float32Array(this.codec.rate / 50);
    this.filled = 0;
    this.level = new Level(this.port);
    this.muted = this.over = false;
    this.port.onmessage = ({data}) => Object.assign(this, data);
  }

  process([input]) {
    if (this.over) return false; // else a browser would go on with it for as long as the page lives
    if (input.length === 0) return true; // the microphone was taken away
    const mono = input.length === 1 ? input[0] : input[0].map((sample, at) => (sample + input[1][at]) / 2);
    this.level.add(this.muted ? mono.map(() => 0) : mono);
    for (const sample of this.resampler.process(mono)) {
      this.frame[this.filled] = sample;
      this.filled += 1;
      if (this.filled === this.frame.length) this.send();
    }
    return true;
  }

  send() {
    this.filled = 0;
    if (this.muted) return; // the carrier makes silence of what does not come
    const payload = this.codec.encode(this.frame);
    this.port.postMessage({payload}, [payload]);
  }
}

/** Told payloads of 20 ms, and {over} when the call is. Posts levels, and once a second how the buffer is. */
class PhonePlayback extends AudioWorkletProcessor {
  constructor({processorOptions: {codec}}) {
    super();
    this.codec = CODECS[codec];
    this.buffer = new PlaybackBuffer(this.codec.rate / 50);
    this.resampler = new Resampler(this.codec.rate, sampleRate);
    this.ready = new Float32Array(0);
    this.frames = 0;
    this.level = new Level(this.port);
    this.over = false;
    this.port.onmessage = ({data}) => {
      if (data.over) this.over = true;
      else this.buffer.put(this.codec.decode(data));
    };
  }

  process(_, [output]) {
    if (this.over) return false;
    const wanted = output[0].length;
    while (this.ready.length < wanted) this.more();
    for (const channel of output) channel.set(this.ready.subarray(0, wanted));
    this.ready = this.ready.slice(wanted);
    this.level.add(output[0]);
    return true;
  }

  more() {
    const fresh = this.resampler.process(this.buffer.take());
    const joined = new Float32Array(this.ready.length + fresh.length);
    joined.set(this.ready);
    joined.set(fresh, this.ready.length);
    this.ready = joined;
    this.frames += 1;
    if (this.frames % 50 === 0) {
      const {waiting, target, dropped, blended, missed} = this.buffer;
      this.port.postMessage({buffer: {depth: waiting.length, target, dropped, blended, missed}});
    }
  }
}

registerProcessor('phone-capture', PhoneCapture);
registerProcessor('phone-playback', PhonePlayback);
