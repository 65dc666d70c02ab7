// <call-phone socket="/phone/socket" token="…" number="+13125550142" name="Ada" to="+13125550100">
//
// A telephone of the local carrier. All but `socket` and `token` are optional: they are what the
// fields hold at first. Dispatches `phone-state` (detail: {state, call}) whenever its state changes;
// `call(number)` and `hangUp()` are there for the page around it. See docs/phone.md.

import {PhoneLine} from './line.js';
import {PhoneSound, SUSPENDED, SoundRefused} from './sound.js';
import {causeOf, clock, skeleton} from './words.js';

const KEYS = '0123456789*#';
const KEPT = ['number', 'name', 'wideband', 'microphone', 'echoCancellation', 'noiseSuppression', 'autoGainControl'];
const STORE = 'callbridge.phone';

class CallPhone extends HTMLElement {
  connectedCallback() {
    this.innerHTML = skeleton();
    this.parts = Object.fromEntries([...this.querySelectorAll('[data-part]')].map((each) => [each.dataset.part, each]));
    this.current = null; // {id, codec, who, since}
    this.state = 'offline';
    this.book = new Map(); // number → name of the other phones that have one
    this.recall();
    this.sound = new PhoneSound();
    this.line = new PhoneLine(this.getAttribute('socket'), this.getAttribute('token'));
    this.listenToOthers();
    this.listenToPerson();
    this.line.open(this.who);
    this.timer = setInterval(() => this.showTime(), 500);
    this.show();
  }

  disconnectedCallback() {
    clearInterval(this.timer);
    document.removeEventListener('keydown', this.onKey);
    this.sound.end();
    this.line.close();
  }

  // ---- who it is -------------------------------------------------------------------------------

  get who() {
    const {number, name, wideband} = this.parts;
    return {number: number.value, name: name.value, codec: wideband.checked ? 'L16' : 'PCMU'};
  }

  /** Of this tab: two tabs are two phones. */
  recall() {
    const {parts} = this;
    const kept = JSON.parse(sessionStorage.getItem(STORE) ?? '{}');
    const last = 110 + Math.floor(Math.random() * 90); // 555-01xx belongs to nobody
    parts.number.value = kept.number ?? this.getAttribute('number') ?? `+13125550${last}`;
    parts.name.value = kept.name ?? this.getAttribute('name') ?? '';
    parts.to.value = this.getAttribute('to') ?? '+13125550100';
    for (const name of KEPT.slice(2)) parts[name].checked = kept[name] ?? parts[name].checked;
  }

  keep() {
    const kept = KEPT.map((name) => [name, this.parts[name].type === 'checkbox' ? this.parts[name].checked : this.parts[name].value]);
    sessionStorage.setItem(STORE, JSON.stringify(Object.fromEntries(kept)));
  }

  // ---- what the person does ----------------------------------------------------------------------

  listenToPerson() {
    const {parts} = this;
    parts.dial.onsubmit = (event) => {
      event.preventDefault();
      this.call(parts.to.value);
    };
    parts.answer.onclick = () => this.answer();
    parts.decline.onclick = () => this.hangUp();
    parts.hangup.onclick = () => this.hangUp();
    parts.mute.onclick = () => this.mute(parts.mute.ariaPressed !== 'true');
    parts.hold.onclick = () => this.line.tell('hold', {on: parts.hold.ariaPressed !== 'true'});
    parts.wake.onclick = () => this.wake();
    parts.reload.onclick = () => location.reload();
    parts.transfer.onsubmit = (event) => {
      event.preventDefault();
      this.line.tell('transfer', {to: parts.target.value});
    };
    parts.settings.onchange = () => {
      this.keep();
      if (JSON.stringify(this.who) !== JSON.stringify(this.line.who)) this.line.hello(this.who);
    };
    for (const key of parts.keys.querySelectorAll('button')) key.onclick = () => this.press(key.dataset.key);
    this.onKey = (event) => this.typed(event);
    document.addEventListener('keydown', this.onKey);
  }

  /** Calls a number: needs a click before, as the browser wants one for sound. */
  async call(number) {
    this.keep();
    await this.after('idle', () => this.line.tell('call', {to: number}));
  }

  async answer() {
    await this.after('ringing', () => this.line.tell('answer'));
  }

  /** What is done in that state, when the browser gives its sound: a person may be asked for it,
      and meanwhile the call may end, or they click again. */
  async after(state, then) {
    if (this.state !== state || this.asking) return;
    this.asking = true;
    const ready = await this.ready();
    this.asking = false;
    if (ready && this.state === state) then();
    else if (this.state === 'idle' || this.state === 'offline') this.sound.hush();
  }

  hangUp() {
    this.line.tell('hangup');
  }

  press(digit) {
    if (this.state === 'idle') {
      this.parts.to.value += digit;
      this.sound.key(digit);
    } else if (this.state === 'talking') {
      this.line.tell('press', {digit});
      this.sound.key(digit);
      this.parts.pressed.textContent = (this.parts.pressed.textContent + digit).slice(-20);
    }
  }

  mute(muted) {
    this.sound.mute(muted);
    this.parts.mute.ariaPressed = String(muted);
    this.parts.mute.textContent = muted ? 'Muted' : 'Mute';
  }

  typed(event) {
    const field = event.target.closest?.('input, select, textarea, [contenteditable]');
    const near = event.target === document.body || this.contains(event.target);
    if (field || !near || event.ctrlKey || event.metaKey || event.altKey || !KEYS.includes(event.key)) return;
    event.preventDefault();
    this.press(event.key);
    this.parts.keys.querySelector(`[data-key="${event.key}"]`).animate?.({opacity: [0.4, 1]}, 150);
  }

  /** Microphone and loudspeaker; what is in the way is said. */
  async ready() {
    const {microphone, echoCancellation, noiseSuppression, autoGainControl} = this.parts;
    this.complain('');
    try {
      await this.sound.wake();
      await this.sound.listen({
        microphone: microphone.checked,
        echoCancellation: echoCancellation.checked,
        noiseSuppression: noiseSuppression.checked,
        autoGainControl: autoGainControl.checked,
      });
      return true;
    } catch (error) {
      if (!(error instanceof SoundRefused)) throw error;
      this.complain(error.message);
      return false;
    }
  }

  async wake() {
    await this.sound.wake();
    this.show();
  }

  // ---- what happens --------------------------------------------------------------------------------

  listenToOthers() {
    const {line, sound, parts} = this;
    line.addEventListener('news', ({detail}) => this.told(detail));
    line.addEventListener('audio', ({detail}) => sound.hear(detail));
    line.addEventListener('down', ({detail}) => this.cutOff(detail));
    sound.addEventListener('context', () => this.show());
    sound.addEventListener('unplugged', () => this.complain('The microphone was unplugged, or taken away: the other side hears silence.'));
    sound.addEventListener('said', ({detail: {level}}) => { parts.said.value = loudness(level); });
    sound.addEventListener('heard', ({detail: {level, buffer}}) => {
      if (buffer) this.buffer = buffer;
      else parts.heard.value = loudness(level);
    });
  }

  told(news) {
    switch (news.type) {
      case 'ready': return this.isReady(news);
      case 'book': return this.showBook(news.phones);
      case 'ringing': return this.ringsHere(news);
      case 'calling': return this.isCalling(news);
      case 'answered': return this.isAnswered();
      case 'held': return this.isHeld(news.on);
      case 'transferring': return this.say(`It rings at ${news.to}. You are connected until somebody answers there.`);
      case 'elsewhere': return this.isOver('Another phone of this number has answered.');
      case 'ended': return this.isOver(causeOf(news, this.state, this.current));
      case 'refused': return this.refused(news.why);
    }
  }

  isReady({number, name}) {
    this.parts.me.textContent = name === number ? number : `${name}, ${number}`;
    if (this.state === 'offline') this.become('idle', 'Ready.');
    this.complain('');
  }

  refused(why) {
    if (this.current === null) this.sound.end();
    this.complain(`${why[0].toUpperCase()}${why.slice(1)}.`);
  }

  ringsHere({call, from, name, codec}) {
    this.current = {id: call, codec, who: name ? `${name} (${from})` : from, incoming: true};
    this.become('ringing', `${this.current.who} is calling.`);
    // Without a click before, the browser may keep the page silent: the words are there in any case.
    this.sound.wake().then(() => {
      if (this.state === 'ringing') this.sound.ringer();
      this.show();
    }, (error) => this.complain(error.message));
    this.focusOn(this.parts.answer);
  }

  isCalling({call, to, codec}) {
    const name = this.book.get(to);
    this.current = {id: call, codec, who: name ? `${name} (${to})` : to, incoming: false};
    this.become('calling', `It rings at ${this.current.who}.`);
    this.sound.ringback();
    this.focusOn(this.parts.hangup);
  }

  isAnswered() {
    this.current.since = performance.now();
    this.sound.begin(this.current.codec, (payload) => this.line.audio(payload));
    this.mute(false);
    this.isHeld(false);
    this.become('talking', `Connected with ${this.current.who}.`);
    this.focusOn(this.parts.hangup);
  }

  isHeld(on) {
    this.parts.hold.ariaPressed = String(on);
    this.parts.hold.textContent = on ? 'On hold' : 'Hold';
    if (this.state === 'talking') this.say(on ? 'On hold: neither side hears the other.' : `Connected with ${this.current.who}.`);
  }

  isOver(why) {
    this.sound.end();
    this.current = null;
    this.parts.pressed.textContent = this.parts.target.value = '';
    this.parts.said.value = this.parts.heard.value = 0;
    this.become('idle', why);
    this.focusOn(this.parts.go);
  }

  cutOff({why, forGood}) {
    this.sound.end();
    this.current = null;
    this.parts.reload.hidden = !forGood;
    const words = forGood ? 'This phone is off.' : 'The carrier does not answer. The phone tries again.';
    this.become('offline', words);
    if (why) this.complain(`${why[0].toUpperCase()}${why.slice(1)}.`);
  }

  // ---- what is shown ---------------------------------------------------------------------------------

  become(state, words) {
    this.state = state;
    this.say(words);
    this.show();
    this.dispatchEvent(new CustomEvent('phone-state', {detail: {state, call: this.current?.id ?? null}, bubbles: true}));
  }

  say(words) {
    this.parts.state.textContent = words;
  }

  complain(words) {
    this.parts.error.textContent = words;
    this.parts.error.hidden = !words;
  }

  show() {
    const {parts, state} = this;
    this.dataset.state = state;
    parts.dial.hidden = state !== 'idle' && state !== 'offline';
    parts.go.disabled = state !== 'idle';
    parts.incoming.hidden = state !== 'ringing';
    parts.ongoing.hidden = state !== 'calling' && state !== 'talking';
    parts.talking.hidden = state !== 'talking';
    parts.mute.disabled = this.sound.stream === null;
    for (const field of [parts.number, parts.name, parts.wideband]) field.disabled = this.current !== null;
    const silent = this.sound.suspended && state !== 'idle' && state !== 'offline';
    parts.silent.hidden = !silent;
    parts.silentWords.textContent = silent ? SUSPENDED : '';
    this.showTime();
  }

  showTime() {
    const since = this.current?.since;
    this.parts.time.textContent = since === undefined ? '' : clock((performance.now() - since) / 1000);
  }

  showBook(phones) {
    this.book = new Map(phones.filter(({number, name}) => name !== number).map(({number, name}) => [number, name]));
    const options = phones.map(({number, name}) => {
      const option = document.createElement('option');
      option.value = number;
      option.label = name === number ? 'a phone in another tab' : name;
      return option;
    });
    this.parts.book.replaceChildren(...options);
    this.parts.others.textContent = phones.length
      ? `Other phones: ${phones.map(({number, name}) => (name === number ? number : `${name} ${number}`)).join(', ')}.`
      : 'Open this page in another tab for a second phone.';
  }

  /** Where the person is in the phone, or nowhere: not out of another field of the page. */
  focusOn(part) {
    if (document.activeElement === document.body || this.contains(document.activeElement)) part.focus();
  }
}

/** 0 to 1 for -60 to 0 dB. */
function loudness(level) {
  return level > 0 ? Math.max(0, 1 + Math.log10(level) / 3) : 0;
}

customElements.define('call-phone', CallPhone);
