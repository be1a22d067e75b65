"use strict";
// A timeline that follows the sound, and what is heard where it stands.

const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const audio = at("audio");
// Shares further from one in all do not fill the clip, and are rounded one by one.
const FILLS = 0.01;
let frame = 0;
let shown = "";

function weightAt(points, second) {
  if (!points.length) return 0;
  for (let i = 1; i < points.length; i += 1) {
    const [before, first] = points[i - 1];
    const [after, last] = points[i];
    if (second <= after) {
      const part = after > before ? (second - before) / (after - before) : 1;
      return first + (last - first) * Math.min(1, Math.max(0, part));
    }
  }
  return points[points.length - 1][1];
}

// Whole percents that sum to 100: rounded down, and those with the largest rests up.
function percentages(shares) {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (Math.abs(total - 1) > FILLS) return shares.map((share) => Math.round(share * 100));
  const exact = shares.map((share) => (share / total) * 100);
  const whole = exact.map(Math.floor);
  const missing = 100 - whole.reduce((sum, share) => sum + share, 0);
  exact.map((share, i) => i)
    .sort((a, b) => whole[a] - exact[a] - (whole[b] - exact[b]) || exact[b] - exact[a])
    .slice(0, missing)
    .forEach((i) => { whole[i] += 1; });
  return whole;
}

function levelAt(span, second) {
  const rise = span.fade_in ? (second - span.start) / span.fade_in : 1;
  const fall = span.fade_out ? (span.end - second) / span.fade_out : 1;
  return Math.min(1, Math.max(0, Math.min(rise, fall)));
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function element(name, words, kind) {
  const made = document.createElement(name);
  if (words !== undefined) made.textContent = words;
  if (kind) made.className = kind;
  return made;
}

function link(words, address) {
  if (!address) return element("strong", words);
  const made = element("a", words);
  made.href = address;
  made.rel = "noopener noreferrer";
  return made;
}

function draw() {
  const canvas = at("canvas");
  const scale = window.devicePixelRatio || 1;
  const [wide, high] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = wide * scale;
  canvas.height = high * scale;
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  const row = high / data.layers.length;
  for (const span of data.spans) drawSpan(pen, span, wide, row);
}

function drawSpan(pen, span, wide, row) {
  const steps = Math.max(2, Math.ceil(((span.end - span.start) / data.seconds) * wide / 2));
  const seconds = Array.from({ length: steps + 1 }, (_, i) => span.start + ((span.end - span.start) * i) / steps);
  const foot = row * (span.layer + 1) - 3;
  const floor = seconds.map(() => 0);
  const parts = span.prime ? [{ weights: [[span.start, 1]] }] : span.parts;
  for (const part of parts) {
    const roof = seconds.map((second, i) => {
      const all = parts.reduce((sum, other) => sum + weightAt(other.weights, second), 0);
      return floor[i] + (all ? (weightAt(part.weights, second) / all) * levelAt(span, second) : 0);
    });
    pen.beginPath();
    seconds.forEach((second, i) => pen.lineTo((second / data.seconds) * wide, foot - roof[i] * (row - 6)));
    for (let i = steps; i >= 0; i -= 1) pen.lineTo((seconds[i] / data.seconds) * wide, foot - floor[i] * (row - 6));
    pen.closePath();
    pen.fillStyle = span.prime ? span.colour : data.recordings[part.of].colour;
    pen.globalAlpha = 0.82;
    pen.fill();
    roof.forEach((level, i) => { floor[i] = level; });
  }
}

function showNow(second) {
  const now = data.spans.filter((span) => span.start <= second && second < span.end);
  const words = JSON.stringify(now.map((span) => span.start)) + Math.floor(second * 4);
  if (words === shown) return;
  shown = words;
  const list = at("now");
  list.replaceChildren();
  for (const span of now) {
    const shares = percentages(span.parts.map((part) => weightAt(part.weights, second)));
    for (const [number, part] of span.parts.entries()) {
      // What is shown as none is not heard.
      if (!span.prime && !shares[number]) continue;
      const recording = data.recordings[part.of];
      const entry = element("li");
      entry.style.setProperty("--from", recording.colour);
      if (!span.prime) entry.append(element("b", `${shares[number]}%`, "share"));
      entry.append(link(recording.title, recording.page));
      entry.append(element("span", `${span.prime ? "begun from a recording by" : "by"} ${recording.author}`));
      const licence = element("span", undefined, recording.known ? "" : "unknown");
      if (recording.licence_url) licence.append(link(recording.licence, recording.licence_url));
      else licence.textContent = recording.licence;
      entry.append(licence);
      list.append(entry);
    }
    if (span.generated) list.append(element("li", span.generated));
  }
  if (!now.length) list.append(element("li", "Nothing: a pause."));
}

function follow() {
  cancelAnimationFrame(frame);
  const second = Math.min(audio.currentTime, data.seconds);
  at("time").textContent = `${clock(second)} of ${clock(data.seconds)}`;
  at("cursor").style.transform = `translateX(${(second / data.seconds) * at("timeline").clientWidth}px)`;
  at("seek").value = (second / data.seconds) * 1000;
  at("seek").setAttribute("aria-valuetext", at("time").textContent);
  showNow(Math.min(second, data.seconds - 1e-6));
  if (!audio.paused) frame = requestAnimationFrame(follow);
}

function showState() {
  const on = !audio.paused;
  at("toggle").textContent = on ? "❚❚" : "▶";
  at("toggle").setAttribute("aria-label", on ? "Pause" : "Play");
  follow();
}

at("toggle").addEventListener("click", () => {
  if (audio.paused) audio.play().catch(() => { at("time").textContent = "The sound cannot be played here."; });
  else audio.pause();
});
at("seek").addEventListener("input", () => {
  audio.currentTime = (at("seek").value / 1000) * data.seconds;
  follow();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target.closest("button, a")) return;
  event.preventDefault();
  at("toggle").click();
});
for (const event of ["play", "pause", "ended", "seeked", "loadedmetadata"]) audio.addEventListener(event, showState);
window.addEventListener("resize", () => { draw(); follow(); });

for (const { name, colour } of data.legend) {
  const entry = element("li", name);
  entry.style.setProperty("--from", colour);
  at("legend").append(entry);
}
for (const name of data.layers) at("layers").append(element("li", name));
for (const section of data.sections) {
  const label = element("span", section.name);
  label.style.left = `${(section.start / data.seconds) * 100}%`;
  label.style.width = `${((section.end - section.start) / data.seconds) * 100}%`;
  at("sections").append(label);
}
draw();
follow();
