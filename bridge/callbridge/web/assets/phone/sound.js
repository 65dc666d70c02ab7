// Microphone, loudspeaker and tones of one phone. What a browser refuses becomes a sentence.

const RINGBACK = {hz: [440, 480], on: 2, off: 4}; // ITU-T E.180, as in North America
const RINGER = {hz: [523, 659], on: 1, off: 2};
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const KEYPAD = '123A456B789C*0#D';
const KEY_S = 0.12;

const REFUSED = {
  NotAllowedError: 'The browser does not give this page the microphone. Allow it with the icon beside the '
    + 'address (in the system’s privacy settings, too), then try again.',
  NotFoundError: 'This computer has no microphone that the browser can see. Connect one and try again, or '
    + 'choose “No microphone” in the settings: then you hear and can press keys.',
  NotReadableError: 'The microphone is there, but another program has it, or it is broken. Close what uses '
    + 'it, then try again.',
};
export const INSECURE = 'The browser gives the microphone only to secure pages: https, or this machine itself. '
  + 'Open the phone as http://localhost, or start the carrier with --ssl-certfile and --ssl-keyfile.';
export const SUSPENDED = 'The browser keeps this page silent until you click on it.';

/** Something that the person at the browser has to do first; the message says what. */
export class SoundRefused extends Error {}

export class PhoneSound extends EventTarget {
  constructor() {
    super();
    this.context = null;
    this.output = null; // all that the call sounds like goes through here
    this.stream = this.capture = this.playback = this.tone = null;
  }

  /** After a click, or as soon as the browser lets us. Throws SoundRefused. */
  async wake() {
    if (this.context === null) {
      if (!window.AudioContext || !window.AudioWorkletNode) {
        throw new SoundRefused(window.isSecureContext ? 'This browser has no AudioWorklet: take a newer one.' : INSECURE);
      }
      this.context = new AudioContext({latencyHint: 'interactive'});
      this.output = this.context.createGain();
      this.output.connect(this.context.destination);
      this.context.onstatechange = () => this.dispatchEvent(new Event('context'));
      this.loaded = this.context.audioWorklet.addModule(new URL('./worklets.js', import.meta.url));
    }
    await this.loaded;
    // Without a click a browser never answers: it is asked, and not waited for.
    if (this.context.state === 'suspended') {
      await Promise.race([this.context.resume(), new Promise((then) => { setTimeout(then, 200); })]);
    }
  }

  get suspended() {
    return this.context !== null && this.context.state !== 'running';
  }

  /** Throws SoundRefused. */
  async listen({microphone, echoCancellation, noiseSuppression, autoGainControl}) {
    this.hush();
    if (!microphone) return;
    if (!window.isSecureContext || !navigator.mediaDevices) throw new SoundRefused(INSECURE);
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        audio: {channelCount: 1, echoCancellation, noiseSuppression, autoGainControl},
      });
    } catch (error) {
      throw new SoundRefused(REFUSED[error.name] ?? `The browser does not give the microphone: ${error.message}`);
    }
    this.stream.getAudioTracks()[0].onended = () => this.dispatchEvent(new Event('unplugged'));
  }

  /** The call is answered: `send` gets each frame of the microphone. */
  begin(codec, send) {
    this.stopTone();
    const processorOptions = {codec};
    this.playback = new AudioWorkletNode(this.context, 'phone-playback', {
      numberOfInputs: 0, outputChannelCount: [1], processorOptions,
    });
    this.playback.port.onmessage = ({data}) => this.told('heard', data);
    this.playback.connect(this.output);
    if (this.stream === null) return;
    this.capture = new AudioWorkletNode(this.context, 'phone-capture', {numberOfOutputs: 0, processorOptions});
    this.capture.port.onmessage = ({data}) => {
      if (data.payload) send(data.payload);
      else this.told('said', data);
    };
    this.source = this.context.createMediaStreamSource(this.stream);
    this.source.connect(this.capture);
  }

  told(what, detail) {
    this.dispatchEvent(new CustomEvent(what, {detail}));
  }

  hear(payload) {
    this.playback?.port.postMessage(payload, [payload]);
  }

  mute(muted) {
    this.capture?.port.postMessage({muted});
  }

  /** The call is over: the browser's sign that it listens goes out. */
  end() {
    this.stopTone();
    this.source?.disconnect();
    this.playback?.disconnect();
    for (const node of [this.capture, this.playback]) node?.port.postMessage({over: true});
    this.capture = this.playback = this.source = null;
    this.hush();
  }

  hush() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
  }

  // ---- tones ---------------------------------------------------------------------------------

  ringback() {
    this.cadence(RINGBACK);
  }

  ringer() {
    this.cadence(RINGER);
  }

  cadence({hz, on, off}) {
    this.stopTone();
    if (this.context === null) return;
    const gain = this.context.createGain();
    gain.gain.value = 0;
    gain.connect(this.context.destination);
    const now = this.context.currentTime + 0.05;
    for (let at = 0; at < 300; at += on + off) {
      gain.gain.setTargetAtTime(0.08, now + at, 0.01);
      gain.gain.setTargetAtTime(0, now + at + on, 0.01);
    }
    this.tone = {gain, sources: hz.map((each) => this.sine(each, gain))};
  }

  stopTone() {
    for (const source of this.tone?.sources ?? []) source.stop();
    this.tone?.gain.disconnect();
    this.tone = null;
  }

  /** What the person hears of a key; the other side is told by an event. */
  key(digit) {
    if (this.context === null) return;
    const at = KEYPAD.indexOf(digit);
    const gain = this.context.createGain();
    const now = this.context.currentTime;
    gain.gain.value = 0.08;
    gain.gain.setTargetAtTime(0, now + KEY_S, 0.005);
    gain.connect(this.context.destination);
    for (const hz of [ROWS[at >> 2], COLUMNS[at & 3]]) this.sine(hz, gain).stop(now + KEY_S + 0.05);
  }

  sine(hz, to) {
    const source = new OscillatorNode(this.context, {frequency: hz});
    source.connect(to);
    source.start();
    return source;
  }
}
