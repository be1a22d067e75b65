"use strict";
// The one sound that plays.

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

function silence() {
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
