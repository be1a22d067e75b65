"use strict";
// All clips as points: what sounds alike lies together.

const map = at("map");
const MARGIN = 14;
const POINTS = { keep: "#7ee2a8", reject: "#ff9aa8", "": "#8fd0ff", hidden: "#3a3450" };
let mapAsked = false;

function mapShown() {
  return !at("side").hidden;
}

function toggleMap() {
  at("side").hidden = mapShown();
  at("middle").classList.toggle("mapped", mapShown());
  at("mapped").setAttribute("aria-pressed", mapShown());
  lay();
  drawMap();
  if (mapShown()) map.focus();
  else go(active);
}

function drawMap() {
  if (mapAsked || !mapShown()) return;
  mapAsked = true;
  requestAnimationFrame(() => {
    mapAsked = false;
    paintMap();
  });
}

function onMap([x, y]) {
  const side = (length) => Math.max(1, length - 2 * MARGIN) / 1000;
  return [MARGIN + x * side(map.clientWidth), MARGIN + y * side(map.clientHeight)];
}

function paintMap() {
  const scale = window.devicePixelRatio || 1;
  map.width = Math.round(map.clientWidth * scale);
  map.height = Math.round(map.clientHeight * scale);
  const context = map.getContext("2d");
  context.scale(scale, scale);
  const shown = new Set(listed);
  const radius = clips.length > 1500 ? 2.5 : 4;
  const groups = { hidden: [], "": [], reject: [], keep: [] };
  clips.forEach((clip, index) => {
    groups[shown.has(index) ? choices.get(clip.id) || "" : "hidden"].push(clip.place);
  });
  for (const [name, places] of Object.entries(groups)) {
    context.fillStyle = POINTS[name];
    context.beginPath();
    for (const place of places) {
      const [x, y] = onMap(place);
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    }
    context.fill();
  }
  if (playing >= 0) ring(context, clips[playing].place, radius + 7, "#ffc98a");
  if (listed.length) ring(context, clips[listed[active]].place, radius + 4, "#ffffff");
}

function ring(context, place, radius, colour) {
  const [x, y] = onMap(place);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
}

// The place in the list of the clip that is best by a cost; none has an infinite one.
function bestOf(cost) {
  let best = -1;
  let least = Infinity;
  listed.forEach((index, place) => {
    const found = cost(index);
    if (found < least) [best, least] = [place, found];
  });
  return best;
}

function visit(place) {
  if (place < 0 || place === active) return;
  go(place, false);
  say(titleOf(clips[listed[active]]));
  if (at("follow").checked) play(listed[active]);
}

function visitNear(event) {
  const box = map.getBoundingClientRect();
  const here = [event.clientX - box.left, event.clientY - box.top];
  const place = bestOf((index) => away2(onMap(clips[index].place), here));
  if (place === active && event.type === "pointerdown") toggle(listed[active]);
  else visit(place);
}

// The nearest clip in a direction, those straight ahead first.
function visitToward(x, y) {
  if (!listed.length) return;
  const from = onMap(clips[listed[active]].place);
  visit(bestOf((index) => {
    const to = onMap(clips[index].place);
    const ahead = (to[0] - from[0]) * x + (to[1] - from[1]) * y;
    const aside = Math.abs((to[0] - from[0]) * y + (to[1] - from[1]) * x);
    return index === listed[active] || ahead <= 0 || aside > 2 * ahead ? Infinity : ahead + 2 * aside;
  }));
}

map.addEventListener("pointerdown", (event) => {
  map.setPointerCapture(event.pointerId);
  visitNear(event);
});
map.addEventListener("pointermove", (event) => {
  if (event.buttons) visitNear(event);
});
new ResizeObserver(drawMap).observe(map);
