// Draws the figures of the bridge, and fetches them anew. What a line is drawn in comes from the
// style sheet, so it fits light and dark.
"use strict";

const charts = document.getElementById("charts");
const problem = document.getElementById("problem");
const EVERY_MS = 5000;
const HEIGHT = 110;
const plots = [];
const drawnIn = matchMedia("(prefers-color-scheme: dark)");

// A custom property that holds light-dark() is no colour of its own: it is asked of an element.
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function made(section, chart) {
  const plot = section.querySelector(".plot");
  const axis = { stroke: colour("soft"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const lines = chart.lines.map((line, i) => ({
    label: line.label, stroke: colour(i ? "caller" : "bot"), width: 1.5, spanGaps: false,
    points: { show: false },
  }));
  return new uPlot({
    width: plot.clientWidth, height: HEIGHT, legend: { show: false }, cursor: { show: false },
    scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.1)] } },
    axes: [{ ...axis, size: 22 }, { ...axis, size: 46 }],
    series: [{}, ...lines],
  }, [[], ...lines.map(() => [])], plot);
}

function drawAll(told) {
  [...charts.querySelectorAll(".chart")].forEach((section, i) => {
    const chart = told.charts[i];
    plots[i] ??= made(section, chart);
    plots[i].setData([told.times, ...chart.lines.map((line) => line.values)]);
    section.querySelectorAll(".legend strong").forEach((place, j) => {
      const known = chart.lines[j].values.filter((value) => value !== null);
      place.textContent = known.length ? known.at(-1).toLocaleString(undefined, { maximumSignificantDigits: 4 }) : "–";
    });
  });
}

function say(sentence) {
  problem.hidden = !sentence;
  if (problem.textContent !== sentence) problem.textContent = sentence;
}

let last = null;

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch(charts.dataset.from, { cache: "no-store" });
    const told = await answer.json();
    say(told.problem);
    if (answer.ok) drawAll(last = told);
  } catch {
    say("The desk does not answer: is it still running?");
  }
}

function again() {
  plots.splice(0).forEach((plot) => plot.destroy());
  if (last) drawAll(last);
}

if (charts) {
  look();
  setInterval(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  drawnIn.addEventListener("change", again);
  new ResizeObserver(() => plots.forEach((plot) =>
    plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT }))).observe(charts);
}
