"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const feed = at("feed");
  const scroller = at("scroll");
  const audio = at("audio");
  const clips = data.clips;
  const WORDS = { keep: "kept", reject: "rejected" };
  const COLOURS = ["#8fd0ff", "#ffb38a", "#9be564", "#e583f5"];
  const DRAWN_AT_ONCE = 3;
  const SPARE_ROWS = 2;

  // ---- choices: a map, since an id may be any text --------------------------------------------

  const choices = new Map(data.choices);
  const known = new Set(clips.map((clip) => clip.id));
  const unsent = [];
  let sending = false;
  let retry = 0;

  function restore() {
    if (data.served) return;
    try {
      const kept = JSON.parse(localStorage.getItem(data.key) || "[]");
      for (const [id, choice] of kept) put(id, choice);
    } catch {
      say("This browser does not keep choices: download them before you leave.", true);
    }
  }

  function put(id, choice) {
    if (choice in WORDS) choices.set(id, choice);
    else choices.delete(id);
  }

  function store() {
    try {
      localStorage.setItem(data.key, JSON.stringify([...choices]));
      tellSaved("Kept in this browser. Download the choices to compose with them.");
    } catch {
      tellSaved("Not kept by this browser: download the choices.", true);
    }
  }

  async function send() {
    if (sending) return;
    sending = true;
    clearTimeout(retry);
    while (unsent.length) {
      const change = unsent[0];
      try {
        const answer = await fetch("choices", {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(change),
        });
        if (!answer.ok) throw new Error(await answer.text());
        unsent.shift();
      } catch (error) {
        const why = error instanceof TypeError ? "the server does not answer" : error.message;
        tellSaved(`Not saved yet: ${why}`, true);
        retry = setTimeout(send, 2000);
        break;
      }
    }
    sending = false;
    if (!unsent.length) tellSaved("Saved");
  }

  function tellSaved(text, bad = false) {
    at("saved").textContent = text;
    at("saved").classList.toggle("bad", bad);
  }

  function choose(index, choice) {
    const clip = clips[index];
    put(clip.id, choice);
    if (data.served) {
      unsent.push({ clip: clip.id, choice });
      send();
    } else {
      store();
    }
    dress(index);
    const { keep, reject } = count();
    const left = clips.length - keep - reject;
    say(`${WORDS[choice] || "undecided"}: ${titleOf(clip)}. ${left} to go.`);
  }

  function count() {
    let keep = 0;
    let reject = 0;
    for (const [id, choice] of choices) {
      if (!known.has(id)) continue;
      if (choice === "keep") keep += 1;
      else reject += 1;
    }
    const left = clips.length - keep - reject;
    at("counts").replaceChildren(
      element("span", "keep", `${keep} kept`), " · ",
      element("span", "reject", `${reject} rejected`), " · ",
      `${left} to go of ${clips.length}`,
    );
    return { keep, reject };
  }

  function say(text) {
    at("said").textContent = text;
  }

  // ---- what is shown ----------------------------------------------------------------------------

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
    return clip.recordings.map((recording) => recording.title).join(" + ");
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

  // ---- moving -------------------------------------------------------------------------------------

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
        stop();
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

  // ---- sound --------------------------------------------------------------------------------------

  let playing = -1;
  let frame = 0;

  async function play(index) {
    const before = playing;
    if (index !== playing) {
      playing = index;
      audio.src = clips[index].sound;
      at("playing").textContent = titleOf(clips[index]);
      at("seek").disabled = false;
    }
    if (before >= 0 && before !== index) {
      takeHead(before);
      dress(before);
    }
    try {
      await audio.play();
    } catch (error) {
      if (error.name === "AbortError") return;
      if (error.name === "NotAllowedError") say("Press Space to play.");
      else {
        at("playing").textContent = `${titleOf(clips[index])} cannot be played here`;
        say(at("playing").textContent);
      }
    }
  }

  function toggle(index) {
    if (playing === index && !audio.paused) audio.pause();
    else play(index);
  }

  function stop() {
    audio.pause();
    if (playing >= 0) audio.currentTime = 0;
  }

  function takeHead(index) {
    for (const head of feed.querySelectorAll(".head")) {
      if (Number(head.closest("article").dataset.index) === index) head.remove();
    }
  }

  function follow() {
    cancelAnimationFrame(frame);
    const length = audio.duration || (playing >= 0 ? clips[playing].seconds : 0);
    const part = length ? Math.min(1, audio.currentTime / length) : 0;
    if (document.activeElement !== at("seek") || !audio.paused) at("seek").value = part * 1000;
    const told = `${audio.currentTime.toFixed(1)} of ${length.toFixed(1)} s`;
    at("time").textContent = told;
    at("seek").setAttribute("aria-valuetext", told);
    const place = listed.indexOf(playing);
    const tile = tiles.get(place);
    if (tile) {
      const look = tile.querySelector(".look");
      let head = look.querySelector(".head");
      if (!head) {
        head = element("div", "head");
        look.append(head);
      }
      head.style.transform = `translateX(${part * look.clientWidth}px)`;
    }
    if (!audio.paused) frame = requestAnimationFrame(follow);
  }

  function tellPlaying() {
    const on = !audio.paused;
    at("toggle").textContent = on ? "❚❚" : "▶";
    at("toggle").setAttribute("aria-label", on ? "Pause" : "Play");
    if (playing >= 0) dress(playing);
    follow();
  }

  for (const event of ["play", "pause", "ended", "seeked", "loadedmetadata"]) {
    audio.addEventListener(event, tellPlaying);
  }

  // ---- hands --------------------------------------------------------------------------------------

  feed.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const onTile = event.target.matches("article");
    const page = Math.max(1, Math.floor(scroller.clientHeight / (size.height + size.gap))) * columns;
    const keys = {
      k: () => decide("keep"),
      r: () => decide("reject"),
      u: () => decide(""),
      n: nextUndecided,
      "/": () => at("search").focus(),
      ArrowRight: () => move(active + 1),
      ArrowLeft: () => move(active - 1),
      ArrowDown: () => active + columns < listed.length && move(active + columns),
      ArrowUp: () => active >= columns && move(active - columns),
      PageDown: () => move(active + page),
      PageUp: () => move(active - page),
      Home: () => move(0),
      End: () => move(listed.length - 1),
      Escape: stop,
    };
    if (onTile) keys[" "] = keys.Enter = () => toggle(listed[active]);
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (Object.hasOwn(keys, key)) {
      event.preventDefault();
      keys[key]();
    }
  });

  feed.addEventListener("click", (event) => {
    const tile = event.target.closest("article");
    if (!tile || event.target.closest("a")) return;
    const index = Number(tile.dataset.index);
    const place = listed.indexOf(index);
    const button = event.target.closest("button");
    go(place, !button);
    if (!button) {
      if (event.target.closest(".look")) toggle(index);
    } else if (button.classList.contains("play")) {
      toggle(index);
    } else {
      const wanted = button.classList.contains("yes") ? "keep" : "reject";
      choose(index, choices.get(clips[index].id) === wanted ? "" : wanted);
      const show = at("show").value;
      if (show !== "all" && choices.get(clips[index].id) !== show) {
        list();
        if (listed.length) go(active);
      }
    }
  });

  feed.addEventListener("focusin", (event) => {
    const tile = event.target.closest("article");
    const place = tile ? listed.indexOf(Number(tile.dataset.index)) : -1;
    if (place >= 0 && place !== active) go(place, false);
  });

  let asked = false;
  scroller.addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  }, { passive: true });

  at("search").addEventListener("input", list);
  at("search").addEventListener("keydown", (event) => {
    if (event.key !== "Escape" && event.key !== "Enter") return;
    event.preventDefault();
    go(active);
  });
  at("show").addEventListener("change", list);
  at("verdict").addEventListener("change", list);
  at("toggle").addEventListener("click", () => {
    if (listed.length || playing >= 0) toggle(playing >= 0 ? playing : listed[active]);
  });
  at("seek").addEventListener("input", () => {
    const length = audio.duration || 0;
    audio.currentTime = (at("seek").value / 1000) * length;
  });
  at("keys").addEventListener("keydown", (event) => {
    if (event.key === "Escape") at("keys").open = false;
  });

  if (!data.served) {
    at("download").addEventListener("click", () => {
      const held = { schema: data.schema, version: data.version, choices: Object.fromEntries(choices) };
      const file = new Blob([`${JSON.stringify(held, null, 1)}\n`], { type: "application/json" });
      const link = element("a");
      link.href = URL.createObjectURL(file);
      link.download = "choices.json";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
    at("open").addEventListener("change", async () => {
      const [file] = at("open").files;
      at("open").value = "";
      if (!file) return;
      try {
        const held = JSON.parse(await file.text());
        if (held.schema !== data.schema || held.version !== data.version) throw new Error();
        for (const [id, choice] of Object.entries(held.choices)) put(id, choice);
        store();
        count();
        list();
      } catch {
        tellSaved(`${file.name} holds no choices`, true);
      }
    });
  }

  window.addEventListener("beforeunload", (event) => {
    if (unsent.length) event.preventDefault();
  });

  new ResizeObserver(lay).observe(scroller);

  for (const verdict of [...new Set(clips.map((clip) => clip.verdict))].sort()) {
    const option = element("option", "", verdict);
    option.value = verdict;
    at("verdict").append(option);
  }
  tellSaved(data.served ? "Choices are saved as you make them" : "");
  restore();
  count();
  tellPlaying();
  list();
  go(0);
})();
