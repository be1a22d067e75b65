"use strict";
// The picture of a clip: its spectrum, the shares of its recordings over time, its waveform.

const DRAWN_AT_ONCE = 3;
let kind = 0;

// The share of a tile's width that some seconds of a clip take.
function width(clip, seconds) {
  return Math.min(1, seconds / Math.max(0.01, at("scale").checked ? longest : clip.seconds));
}

function drawSounds(drawn) {
  for (const [tile, clip] of drawn) placePicture(tile, clip);
  // All are measured before any is drawn, so that the page is laid out once.
  const heights = drawn.map(([tile]) => tile.querySelector("canvas").clientHeight);
  drawn.forEach(([tile, clip], number) => drawSound(tile, clip, heights[number]));
}

function placePicture(tile, clip) {
  const look = tile.querySelector(".look");
  const address = clip.pictures[kind];
  look.querySelector("img")?.remove();
  look.classList.toggle("plain", !address);
  if (address) {
    const image = element("img");
    image.alt = "";
    image.dataset.src = address;
    image.style.width = `${100 * width(clip, Math.min(clip.seconds, data.picture_seconds))}%`;
    look.prepend(image);
  }
}

function drawSound(tile, clip, height) {
  const canvas = tile.querySelector("canvas");
  const scale = window.devicePixelRatio || 1;
  canvas.width = Math.round(size.width * scale);
  canvas.height = Math.round(height * scale) || 44;
  const context = canvas.getContext("2d");
  context.fillStyle = "#171424";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const wide = Math.max(2 * scale, canvas.width * width(clip, clip.seconds));
  const strip = clip.recordings.length > 1 ? Math.round(9 * scale) : 0;
  if (strip) shares(context, clip.recordings, wide, strip);
  wave(context, clip.peaks, wide, strip, canvas.height, scale);
}

// One recording above the other: where a colour is wide, that one is heard.
function shares(context, recordings, wide, tall) {
  const steps = Math.max(...recordings.map((recording) => recording.weights.length), 1);
  const points = steps > 1 ? steps : 2;
  const rows = recordings.map(({ weights }) => Array.from({ length: points }, (_, number) => {
    const place = (number / (points - 1)) * Math.max(0, weights.length - 1);
    const before = Math.floor(place);
    const one = weights[before] ?? 1;
    return one + ((weights[before + 1] ?? one) - one) * (place - before);
  }));
  const sums = Array.from({ length: points }, (_, number) => (
    rows.reduce((sum, row) => sum + row[number], 0) || 1
  ));
  const base = new Array(points).fill(0);
  rows.forEach((row, recording) => {
    context.fillStyle = COLOURS[recording % COLOURS.length];
    context.beginPath();
    base.forEach((low, number) => context.lineTo((number / (points - 1)) * wide, low));
    row.forEach((weight, number) => { base[number] += (weight / sums[number]) * tall; });
    for (let number = points - 1; number >= 0; number -= 1) {
      context.lineTo((number / (points - 1)) * wide, base[number]);
    }
    context.fill();
  });
}

function wave(context, peaks, wide, top, bottom, scale) {
  const levels = Uint8Array.from(atob(peaks), (letter) => letter.charCodeAt(0));
  const height = bottom - top;
  const step = wide / Math.max(1, levels.length);
  context.fillStyle = "#c9c2e6";
  levels.forEach((level, number) => {
    const tall = Math.max(scale, (level / 255) * (height - 4 * scale));
    const thick = Math.max(1, step - scale * 0.5);
    context.fillRect(number * step, top + (height - tall) / 2, thick, tall);
  });
}

function redraw() {
  drawSounds([...tiles].map(([place, tile]) => [tile, clips[listed[place]]]));
  load();
}

function otherPicture() {
  if (!clips.some((clip) => clip.pictures.length)) {
    say("No pictures are here: librosa and matplotlib draw them.");
    return;
  }
  kind = 1 - kind;
  redraw();
  say(kind ? "Log-mel spectrograms" : "Rainbowgrams");
}

// Pictures are drawn when they are asked for, so only few are asked for at once and only
// those that are seen: sounds and choices must not wait behind them.
let loading = 0;

function load() {
  if (loading >= DRAWN_AT_ONCE) return;
  const waiting = [...feed.querySelectorAll("img[data-src]")].sort((a, b) => away(a) - away(b));
  for (const image of waiting.slice(0, DRAWN_AT_ONCE - loading)) {
    loading += 1;
    const done = () => {
      loading -= 1;
      load();
    };
    image.addEventListener("load", done, { once: true });
    image.addEventListener("error", () => {
      image.closest(".look")?.classList.add("plain");
      image.remove();
      done();
    }, { once: true });
    image.src = image.dataset.src;
    delete image.dataset.src;
  }
}

function away(image) {
  const middle = scroller.clientHeight / 2;
  return Math.abs(image.getBoundingClientRect().top - middle);
}
