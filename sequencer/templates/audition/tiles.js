"use strict";
// Which clips are shown, their tiles, and moving among them.

const texts = clips.map((clip) => [
  clip.name, clip.id, clip.verdict,
  ...clip.recordings.flatMap((r) => [r.title, r.author, r.licence, ...r.categories]),
].join("\n").toLowerCase());

let listed = [];
let active = 0;
let tiles = new Map();
let columns = 1;
let size = { width: 300, height: 300, gap: 16 };

function list() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const show = at("show").value;
  const verdict = at("verdict").value;
  const before = listed[active];
  listed = [];
  clips.forEach((clip, index) => {
    const choice = choices.get(clip.id);
    if (show === "undecided" ? choice : show !== "all" && choice !== show) return;
    if (verdict && clip.verdict !== verdict) return;
    if (words.every((word) => texts[index].includes(word))) listed.push(index);
  });
  const again = listed.indexOf(before);
  active = again >= 0 ? again : Math.min(active, Math.max(0, listed.length - 1));
  at("nothing").hidden = listed.length > 0;
  clear();
  lay();
}

function clear() {
  for (const tile of tiles.values()) tile.remove();
  tiles = new Map();
}

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

// Only the tiles near to what is seen are there, and the one that has the focus.
function draw() {
  const row = size.height + size.gap;
  const first = Math.max(0, Math.floor(scroller.scrollTop / row) - SPARE_ROWS) * columns;
  const rows = Math.ceil(scroller.clientHeight / row) + 1 + 2 * SPARE_ROWS;
  const stop = Math.min(listed.length, first + rows * columns);
  for (const [place, tile] of tiles) {
    if ((place < first || place >= stop) && place !== active) {
      tile.remove();
      tiles.delete(place);
    }
  }
  for (let place = first; place < stop; place += 1) show(place);
  if (listed.length) show(active);
  load();
}

function show(place) {
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
  const canvas = tile.querySelector("canvas");
  wave(canvas, clips[listed[place]]);
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

  const look = element("div", clip.picture ? "look" : "look plain");
  if (clip.picture) {
    const image = element("img");
    image.alt = "";
    image.dataset.src = clip.picture;
    look.append(image);
  }
  look.append(element("canvas"));
  look.append(element("span", `badge ${clip.verdict}`, `${clip.verdict} · ${clip.seconds.toFixed(1)} s`));
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
  const share = `${Math.round(recording.share * 100)}%`;
  const first = element("span", "line");
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
  tile.querySelector(".play").textContent = playing === index && !audio.paused ? "Pause" : "Play";
}

function wave(canvas, clip) {
  const levels = Uint8Array.from(atob(clip.peaks), (letter) => letter.charCodeAt(0));
  const scale = window.devicePixelRatio || 1;
  const width = Math.round(size.width * scale);
  const height = Math.round(canvas.clientHeight * scale) || 44;
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#171424";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#8fd0ff";
  const step = width / Math.max(1, levels.length);
  levels.forEach((level, number) => {
    const tall = Math.max(scale, (level / 255) * (height - 4 * scale));
    context.fillRect(number * step, (height - tall) / 2, Math.max(1, step - scale * 0.5), tall);
  });
}

// Rainbowgrams are drawn when they are asked for, so only few are asked for at once and only
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
      image.closest(".look").classList.add("plain");
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
