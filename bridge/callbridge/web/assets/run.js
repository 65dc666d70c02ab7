// The page of `callbridge run`: what htmx does not do. Sound is drawn, and lists follow their end.

const canvas = document.getElementById("wave");
const away = document.getElementById("away");
const sound = { caller: [], bot: [], moments: [], from: 0, piece: 0.05, whole: false };
const SHOWN_S = 30; // of a call that goes on
const KEPT = 2400; // pieces, then the oldest half goes
const COLORS = { mark: "--good", cleared: "--soft", clear: "--bad", key: "--person" };

function take(news) {
  if (news.new) Object.assign(sound, { caller: [], bot: [], moments: [], from: news.at });
  sound.whole = news.whole === true;
  sound.piece = news.piece_s;
  const keep = Math.max(0, news.at - sound.from);
  for (const side of ["caller", "bot"]) {
    sound[side].length = Math.min(sound[side].length, keep);
    sound[side].push(...news[side]);
  }
  sound.moments.push(...news.moments);
  if (!sound.whole && sound.bot.length > KEPT) forget(KEPT / 2);
  draw();
}

function forget(pieces) {
  sound.from += pieces;
  sound.caller.splice(0, pieces);
  sound.bot.splice(0, pieces);
  sound.moments = sound.moments.filter(([at]) => at >= sound.from);
}

function draw() {
  const scale = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  const context = canvas.getContext("2d");
  const most = Math.round(SHOWN_S / sound.piece);
  const pieces = sound.whole ? Math.max(1, sound.bot.length) : most;
  const first = sound.whole ? 0 : Math.max(0, sound.bot.length - most);
  const step = width / pieces, middle = height / 2;
  context.clearRect(0, 0, width, height);
  for (const [at, kind] of sound.moments) {
    const x = (at - sound.from - first) * step;
    context.fillStyle = resolved(COLORS[kind]);
    if (x >= 0) context.fillRect(x, 0, Math.max(1, scale), height);
  }
  for (const [side, name, sign] of [["caller", "--caller", -1], ["bot", "--bot", 1]]) {
    context.fillStyle = resolved(name);
    sound[side].slice(first).forEach((level, index) => {
      const tall = (level / 100) * (middle - 2);
      context.fillRect(index * step, sign < 0 ? middle - tall : middle, Math.max(1, step - 0.5), tall);
    });
  }
  context.fillStyle = resolved("--edge");
  context.fillRect(0, middle, width, 1);
}

// An element resolves light-dark(), which a canvas does not.
const probe = document.createElement("i");
probe.hidden = true;
document.body.append(probe);
const colors = new Map();

function resolved(name) {
  if (!colors.has(name)) {
    probe.style.color = `var(${name})`;
    colors.set(name, getComputedStyle(probe).color);
  }
  return colors.get(name);
}

canvas.addEventListener("htmx:sseBeforeMessage", (event) => {
  event.preventDefault(); // it is no HTML
  take(JSON.parse(event.detail.data));
});
document.body.addEventListener("htmx:sseError", () => { away.hidden = false; });
document.body.addEventListener("htmx:sseOpen", () => { away.hidden = true; });
window.addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { colors.clear(); draw(); });

// A list that is read from its end stays there; one that somebody has scrolled back does not move.
const ends = new Map();
for (const list of document.querySelectorAll(".tall")) {
  ends.set(list, true);
  list.scrollTop = list.scrollHeight;
  list.addEventListener("scroll", () => {
    ends.set(list, list.scrollHeight - list.scrollTop - list.clientHeight < 40);
  });
  new MutationObserver(() => {
    if (ends.get(list)) list.scrollTop = list.scrollHeight;
  }).observe(list, { childList: true, subtree: true });
}

// A line that was said makes room for the next one.
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful && event.target.id === "write") event.target.reset();
});

// Who leaves this page hangs up: as long as the phone talks, links open beside it.
let talks = false;
document.addEventListener("phone-state", (event) => { talks = !["offline", "idle"].includes(event.detail.state); });
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (link && talks) link.target = "_blank";
});
