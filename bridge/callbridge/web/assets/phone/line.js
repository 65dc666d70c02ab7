// The WebSocket of one phone: JSON text frames are what happens, binary frames are audio.
// docs/phone.md describes them; the carrier's side is carrier/people/phone_wire.py.

const AGAIN_S = [1, 2, 4, 8]; // between attempts; the last one for ever
const MAX_UNSENT = 16384; // octets: the network takes no more for now, and what waits would be late
const FOR_GOOD = new Set([4401, 4409]); // no use to come again with this token

/** Events: `news` (detail: a frame), `audio` (detail: its octets), `up`, `down` (detail: {why, forGood}). */
export class PhoneLine extends EventTarget {
  constructor(url, token) {
    super();
    this.url = new URL(url, location.href);
    this.url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    this.token = token;
    this.attempts = 0;
    this.sent = this.skipped = 0; // frames of the microphone
    this.socket = null;
  }

  /** `who` is {number, name, codec}; what it holds later is told anew with `tell`. */
  open(who) {
    this.who = who;
    const socket = this.socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.hello();
    socket.onmessage = ({data}) => {
      if (typeof data !== 'string') this.say('audio', data);
      else this.heard(JSON.parse(data));
    };
    socket.onclose = ({code, reason}) => this.closed(code, reason);
  }

  heard(news) {
    if (news.type === 'ready') this.attempts = 0;
    this.say('news', news);
  }

  closed(code, reason) {
    const forGood = this.gone || FOR_GOOD.has(code);
    this.say('down', {why: reason, forGood});
    if (forGood) return;
    const pause = AGAIN_S[Math.min(this.attempts, AGAIN_S.length - 1)];
    this.attempts += 1;
    this.timer = setTimeout(() => this.open(this.who), 1000 * pause);
  }

  hello(who = this.who) {
    this.who = who;
    this.tell('hello', {token: this.token, ...who});
  }

  tell(type, fields = {}) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({type, ...fields}));
  }

  audio(payload) {
    if (this.socket?.readyState !== WebSocket.OPEN || this.socket.bufferedAmount > MAX_UNSENT) {
      this.skipped += 1;
      return;
    }
    this.sent += 1;
    this.socket.send(payload);
  }

  close() {
    this.gone = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  say(what, detail) {
    this.dispatchEvent(new CustomEvent(what, {detail}));
  }
}
