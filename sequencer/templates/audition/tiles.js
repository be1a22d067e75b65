"use strict";
// The tiles of the clips that are shown, and moving among them.

let tiles = new Map();
let columns = 1;
let size = { width: 300, height: 300, gap: 16 };

function clear() {
  for (const tile of tiles.values()) tile.remove();
  tiles = new Map();
}

// All tiles are as tall as the one that says most.
const REM = { tile: 15.1, recording: 2.6, line: 1.4 };
const most = (count) => clips.reduce((found, clip) => Math.max(found, count(clip)), 0);
const lines = most((clip) => Number(Boolean(clip.reason)) + Number(Boolean(clip.generated)));
const tall = REM.tile + most((clip) => clip.recordings.length) * REM.recording + lines * REM.line;
document.documentElement.style.setProperty("--tile-height", `${tall}rem`);

function lay() {
  const style = getComputedStyle(document.documentElement);
  const rem = parseFloat(style.fontSize);
  const length = (name) => parseFloat(style.getPropertyValue(name)) * rem;
  size = { width: length("--tile-width"), height: length("--tile-height"), gap: length("--gap") };
  const room = feed.clientWidth;
  columns = Math.max(1, Math.floor((room + size.gap) / (size.width + size.gap)));
  size.left = Math.max(0, (room - columns * (size.width + size.gap) + size.gap) / 2);
  const rows = Math.ceil(listed.length / columns);
  feed.style.height = `${Math.max(0, rows * (size.height + size.gap) - size.gap)}px`;
  for (const [place, tile] of tiles) locate(tile, place);
  draw();
}

function locate(tile, place) {
  const left = size.left + (place % columns) * (size.width + size.gap);
  const top = Math.floor(place / columns) * (size.height + size.gap);
  tile.style.transform = `translate(${left}px, ${top}px)`;
}

let later = 0;

// Only the tiles near to what is seen are there, and the one that has the focus: what is seen at
// once, what is near to it a little later.
function draw() {
  drawRows(0);
  later ||= setTimeout(() => {
    later = 0;
    drawRows(SPARE_ROWS);
  }, 50);
}

function drawRows(spare) {
  const [first, stop] = span(SPARE_ROWS);
  for (const [place, tile] of tiles) {
    if ((place < first || place >= stop) && place !== active) {
      tile.remove();
      tiles.delete(place);
    }
  }
  const made = [];
  const [from, to] = span(spare);
  for (let place = from; place < to; place += 1) show(place, made);
  if (listed.length) show(active, made);
  drawSounds(made);
  load();
}

// The first place of what is seen, with spare rows above and below, and the one behind the last.
function span(spare) {
  const row = size.height + size.gap;
  const first = Math.max(0, Math.floor(scroller.scrollTop / row) - spare) * columns;
  const rows = Math.ceil(scroller.clientHeight / row) + 1 + 2 * spare;
  return [first, Math.min(listed.length, first + rows * columns)];
}

function show(place, made) {
  if (tiles.has(place)) return;
  const tile = build(listed[place], place);
  let next = null;
  for (const [other, sibling] of tiles) {
    if (other > place && (next === null || other < next.place)) {
      next = { place: other, sibling };
    }
  }
  feed.insertBefore(tile, next && next.sibling);
  tiles.set(place, tile);
  locate(tile, place);
  dressTile(tile, listed[place], place);
  made.push([tile, clips[listed[place]]]);
}

function element(kind, name, text) {
  const made = document.createElement(kind);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function titleOf(clip) {
  return clip.recordings.map((recording) => recording.title).join(" + ") || clip.generated;
}

function build(index, place) {
  const clip = clips[index];
  const tile = element("article");
  tile.dataset.index = index;
  tile.setAttribute("aria-posinset", place + 1);
  tile.setAttribute("aria-setsize", listed.length);
  tile.setAttribute("aria-labelledby", `title-${index}`);
  tile.setAttribute("aria-describedby", `state-${index} words-${index}`);

  const look = element("div", "look");
  look.append(element("canvas"));
  const failure = clip.verdict === "good" ? "" : `${clip.verdict} · `;
  look.append(element("span", `badge ${clip.verdict}`, `${failure}${clip.seconds.toFixed(1)} s`));
  const mark = element("span", "mark");
  mark.id = `state-${index}`;
  look.append(mark);

  const words = element("div", "words");
  words.id = `words-${index}`;
  const title = element("h2", "", titleOf(clip));
  title.id = `title-${index}`;
  title.title = `${titleOf(clip)}\n${clip.name}`;
  words.append(title);
  clip.recordings.forEach((recording, number) => words.append(source(recording, number)));
  if (clip.generated) words.append(element("p", "", clip.generated));
  if (clip.reason) {
    const reason = element("p", "reason", clip.reason);
    reason.title = clip.reason;
    words.append(reason);
  }

  const acts = element("div", "acts");
  acts.append(
    act("play", "Play", `Play ${titleOf(clip)}`),
    act("yes", "Keep", `Keep ${titleOf(clip)}`),
    act("no", "Reject", `Reject ${titleOf(clip)}`),
  );
  tile.append(look, words, acts);
  return tile;
}

function source(recording, number) {
  const line = element("p", "source");
  line.style.setProperty("--from", COLOURS[number % COLOURS.length]);
  const share = `${recording.percent}%`;
  const first = element("span", "line");
  if (recording.sound) {
    const label = `Play ${recording.title}, which the clip was made from`;
    const button = act("parent", String(number + 1), label);
    button.dataset.part = number + 1;
    first.append(button);
  }
  first.append(`${share} `, linked(recording.page, recording.title));
  const second = element("span", "line");
  second.append(recording.known
    ? linked(recording.licence_url, recording.licence)
    : element("span", "unknown", recording.licence), " · ", element("bdi", "", recording.author));
  line.append(first, second);
  line.title = `${recording.title} by ${recording.author}, ${recording.licence}, ${share}`;
  return line;
}

function linked(address, text) {
  const inner = element("bdi", "", text);
  if (!address) return inner;
  const link = element("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  link.append(inner);
  return link;
}

function act(name, text, label) {
  const button = element("button", name, text);
  button.type = "button";
  button.setAttribute("aria-label", label);
  if (name !== "play") button.setAttribute("aria-pressed", "false");
  return button;
}

function dress(index) {
  for (const [place, tile] of tiles) {
    if (listed[place] === index) dressTile(tile, index, place);
  }
  drawMap();
}

function dressTile(tile, index, place) {
  const choice = choices.get(clips[index].id);
  tile.classList.toggle("keep", choice === "keep");
  tile.classList.toggle("reject", choice === "reject");
  const mark = tile.querySelector(".mark");
  mark.textContent = choice ? `${choice === "keep" ? "✓" : "✗"} ${WORDS[choice]}` : "";
  mark.hidden = !choice;
  tile.querySelector(".yes").setAttribute("aria-pressed", choice === "keep");
  tile.querySelector(".no").setAttribute("aria-pressed", choice === "reject");
  // One stop of the Tab key for all tiles; the buttons of the active one come after it.
  const here = place === active;
  tile.tabIndex = here ? 0 : -1;
  for (const part of tile.querySelectorAll("button, a")) part.tabIndex = here ? 0 : -1;
  const sounds = playing === index && !audio.paused;
  tile.querySelector(".play").textContent = sounds && part === 0 ? "Pause" : "Play";
  for (const button of tile.querySelectorAll(".parent")) {
    button.setAttribute("aria-pressed", sounds && part === Number(button.dataset.part));
  }
}

function go(place, focus = true) {
  if (!listed.length) return;
  const before = active;
  active = Math.max(0, Math.min(listed.length - 1, place));
  const row = size.height + size.gap;
  const top = Math.floor(active / columns) * row + feed.offsetTop - scroller.offsetTop;
  if (top < scroller.scrollTop + size.gap) scroller.scrollTop = top - size.gap;
  const low = top + size.height + size.gap - scroller.clientHeight;
  if (low > scroller.scrollTop) scroller.scrollTop = low;
  draw();
  for (const other of [before, active]) {
    const tile = tiles.get(other);
    if (tile) dressTile(tile, listed[other], other);
  }
  if (focus) tiles.get(active).focus({ preventScroll: true });
  drawMap();
}

function move(place) {
  const follow = at("follow").checked && place !== active;
  go(place);
  if (follow && listed.length) play(listed[active]);
}

function decide(choice) {
  if (!listed.length) return;
  const index = listed[active];
  choose(index, choice);
  const show = at("show").value;
  const stays = show === "all" || show === choice;
  if (!stays) {
    list();
    if (!listed.length) {
      silence();
      at("show").focus();
      return;
    }
    go(active);
    if (at("follow").checked && listed[active] !== index) play(listed[active]);
  } else if (choice && active + 1 < listed.length) {
    move(active + 1);
  } else {
    go(active);
  }
}

function nextUndecided() {
  for (let step = 1; step <= listed.length; step += 1) {
    const place = (active + step) % listed.length;
    if (!choices.has(clips[listed[place]].id)) {
      go(place);
      play(listed[place]);
      return;
    }
  }
  say("Every clip that is shown has been decided.");
}
