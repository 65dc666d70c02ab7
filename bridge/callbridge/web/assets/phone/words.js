// What a phone looks like, and what it says.

const KEYS = [
  ['1', ''], ['2', 'ABC'], ['3', 'DEF'], ['4', 'GHI'], ['5', 'JKL'], ['6', 'MNO'],
  ['7', 'PQRS'], ['8', 'TUV'], ['9', 'WXYZ'], ['*', ''], ['0', '+'], ['#', ''],
];
const NAMES = {'*': 'star', '#': 'hash'};

const keypad = KEYS.map(([key, letters]) => `<button type="button" data-key="${key}"
  aria-label="${NAMES[key] ?? key}"><b>${key}</b><small aria-hidden="true">${letters}</small></button>`).join('');

let phones = 0;

/** Of one more phone, without a word of anybody: those are put in as text. */
export function skeleton() {
  phones += 1;
  const book = `phone-book-${phones}`;
  return `
<section class="card phone" aria-label="Phone">
  <div class="phone-head">
    <p class="phone-state" role="status" aria-live="polite" data-part="state">The phone connects.</p>
    <span class="phone-time mono" data-part="time"></span>
  </div>
  <p class="error" role="alert" data-part="error" hidden></p>
  <button type="button" data-part="reload" hidden>Load the page again</button>
  <div class="row error" data-part="silent" hidden>
    <span data-part="silentWords"></span><button type="button" data-part="wake">Turn the sound on</button>
  </div>
  <form class="phone-line" data-part="dial">
    <label>Number to call
      <input type="tel" name="to" data-part="to" list="${book}" autocomplete="off" maxlength="32" required></label>
    <button class="go" data-part="go" disabled>Call</button>
  </form>
  <datalist id="${book}" data-part="book"></datalist>
  <div class="phone-pair" data-part="incoming" hidden>
    <button type="button" class="go" data-part="answer">Answer</button>
    <button type="button" class="end" data-part="decline">Decline</button>
  </div>
  <div data-part="ongoing" hidden>
    <div class="phone-levels" data-part="talking" hidden>
      <label>You <meter min="0" max="1" data-part="said"></meter></label>
      <label>They <meter min="0" max="1" data-part="heard"></meter></label>
      <button type="button" data-part="mute" aria-pressed="false">Mute</button>
      <button type="button" data-part="hold" aria-pressed="false">Hold</button>
      <details class="phone-wide"><summary>Transfer</summary>
        <form class="phone-line" data-part="transfer">
          <label>Connect the other side with
            <input type="tel" name="target" data-part="target" list="${book}" autocomplete="off" maxlength="32" required></label>
          <button>Transfer</button>
        </form>
      </details>
    </div>
    <button type="button" class="end phone-wide" data-part="hangup">Hang up</button>
  </div>
  <div class="phone-keys" role="group" aria-label="Keypad" data-part="keys">${keypad}</div>
  <p class="mono phone-pressed" aria-label="Keys pressed" data-part="pressed"></p>
  <details data-part="settings"><summary>This phone: <b data-part="me"></b></summary>
    <div class="phone-fields">
      <label>My name <input data-part="name" maxlength="40" autocomplete="off"></label>
      <label>My number <input type="tel" data-part="number" maxlength="32" autocomplete="off"></label>
      <label class="phone-check"><input type="checkbox" data-part="microphone" checked> Microphone (without it you hear, and press keys)</label>
      <label class="phone-check"><input type="checkbox" data-part="echoCancellation" checked> Cancel the echo of the loudspeaker</label>
      <label class="phone-check"><input type="checkbox" data-part="noiseSuppression" checked> Suppress noise</label>
      <label class="phone-check"><input type="checkbox" data-part="autoGainControl" checked> Even out how loud I am</label>
      <label class="phone-check"><input type="checkbox" data-part="wideband"> Wideband, L16 at 16 kHz (a telephone has 8)</label>
    </div>
  </details>
  <p class="soft" data-part="others"></p>
</section>`;
}

const YOURS = {
  normal_clearing: 'You hung up.',
  call_rejected: 'You declined the call.',
  originator_cancel: 'You hung up before anybody answered.',
};
const THEIRS = {
  normal_clearing: 'The other side hung up.',
  call_rejected: 'The call was declined.',
  user_busy: 'The number is busy.',
  no_answer: 'Nobody answered.',
  not_found: 'There is no such number.',
  time_limit: 'The call had reached the longest time that it may last.',
};

/** A sentence for the end of a call, with the platform's word for it. */
export function causeOf({cause, by}, state, call) {
  const words = by === 'you' ? YOURS[cause] ?? 'You hung up.' : others(cause, by, state, call);
  return `${words} (${cause})`;
}

function others(cause, by, state, call) {
  if (cause === 'originator_cancel') return 'The caller hung up before you answered.';
  if (cause === 'timeout' && by === 'carrier') return 'No application took the call: is it running, and do webhooks reach it?';
  if (cause === 'timeout') return call?.incoming ? 'The caller gave up: it rang long enough.' : 'Nobody answered.';
  if (by === 'carrier' && cause === 'unspecified') return 'The carrier was stopped.';
  return THEIRS[cause] ?? 'The call has ended.';
}

/** 1:05, and hours where there are some. */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const pair = (number) => String(number).padStart(2, '0');
  const minutes = Math.floor(whole / 60) % 60;
  return `${hours ? `${hours}:${pair(minutes)}` : minutes}:${pair(whole % 60)}`;
}
