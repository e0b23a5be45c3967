for (const slider of document.querySelectorAll(".slider")) {
  const stage = slider.querySelector(".frame");
  const range = slider.querySelector("input");
  const show = () => {
    stage.style.setProperty("--cut", `${range.value}%`);
    range.setAttribute("aria-valuetext", `before on the left ${range.value} percent, after on the rest`);
  };
  const drag = (event) => {
    const { left, width } = stage.getBoundingClientRect();
    range.value = (100 * (event.clientX - left)) / width;
    show();
  };
  range.addEventListener("input", show);
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) drag(event);
  });
  show();
  slider.hidden = false;
}

for (const linked of document.querySelectorAll("[data-linked]")) {
  const marked = linked.querySelectorAll("[data-mark]");
  const light = (event) => {
    const number = event.target.closest?.("[data-mark]")?.dataset.mark;
    linked.classList.toggle("lighting", number !== undefined);
    for (const one of marked) one.classList.toggle("lit", one.dataset.mark === number);
  };
  const dark = () => {
    linked.classList.remove("lighting");
    for (const one of marked) one.classList.remove("lit");
  };
  linked.addEventListener("mouseover", light);
  linked.addEventListener("focusin", light);
  linked.addEventListener("mouseleave", dark);
  linked.addEventListener("focusout", dark);
}

for (const section of document.querySelectorAll("[data-video]")) {
  const stage = section.querySelector(".stage");
  const seen = stage.querySelector(".seen");
  const playhead = section.querySelector(".playhead");
  const band = section.querySelector(".band");
  const range = section.querySelector(".frames");
  const keys = [...section.querySelectorAll("datalist option")];
  // The marks on the timeline are in the order of the list below it.
  const items = [...section.querySelectorAll(".moments li")];
  const marks = [...section.querySelectorAll(".marks [data-go]")];
  const duration = Number(section.dataset.duration);
  const still = matchMedia("(prefers-reduced-motion: reduce)");

  const at = (seconds) => {
    playhead.style.left = `${(100 * Math.min(Math.max(seconds, 0), duration)) / duration}%`;
    playhead.hidden = false;
  };
  const stand = (figure) => {
    for (const one of stage.children) {
      one.hidden = one !== figure;
      if (one !== figure) one.querySelector("video")?.pause();
    }
  };
  const play = (figure, seconds, started) => {
    const video = figure.querySelector("video");
    stand(figure);
    at(seconds);
    const seek = () => {
      // A little behind the frame's own time, so that rounding does not show the frame before it.
      video.currentTime = Math.max(0, seconds - Number(video.dataset.from)) + 0.001;
      if (started && !still.matches) video.play().catch(() => {});
    };
    if (video.readyState > 0) seek();
    else video.addEventListener("loadedmetadata", seek, { once: true });
  };
  const show = (picture, seconds, time) => {
    const image = document.getElementById(picture);
    const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)));
    const svg = seen.querySelector("svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.setProperty("--ratio", width / height);
    svg.setAttribute("aria-label", `The frame at ${time}`);
    svg.querySelector("use").setAttribute("href", `#${picture}`);
    seen.querySelector("figcaption").textContent = `The frame at ${time}`;
    stand(seen);
    at(seconds);
  };
  const go = ({ go: seconds, time, clip, picture }, started, moment = -1) => {
    items.forEach((item, number) => item.classList.toggle("on", number === moment));
    if (clip) play(document.getElementById(clip), Number(seconds), started);
    else if (picture) show(picture, Number(seconds), time);
    band.scrollLeft = (band.scrollWidth * Number(seconds)) / duration - band.clientWidth / 2;
    if (range) range.value = seconds;
  };

  section.addEventListener("click", (event) => {
    const to = event.target.closest("[data-go]");
    if (!to) return;
    go(to.dataset, true, Math.max(marks.indexOf(to), items.indexOf(to.closest("li"))));
    stage.scrollIntoView({ block: "nearest" });
  });
  for (const video of stage.querySelectorAll("video")) {
    video.addEventListener("timeupdate", () => {
      if (!video.closest("figure").hidden) at(Number(video.dataset.from) + video.currentTime);
    });
  }
  if (range) {
    let index = 0;
    const key = (number) => {
      index = Math.min(Math.max(number, 0), keys.length - 1);
      const { value, dataset } = keys[index];
      range.setAttribute("aria-valuetext", `keyframe ${index + 1} of ${keys.length}, at ${dataset.time}`);
      go({ go: value, time: dataset.time, picture: dataset.picture }, false);
    };
    range.addEventListener("input", () => {
      const away = keys.map((one) => Math.abs(one.value - range.value));
      key(away.indexOf(Math.min(...away)));
    });
    range.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      const to = { Home: 0, End: keys.length - 1 }[event.key] ?? (step && index + step);
      if (to === undefined) return;
      event.preventDefault();
      key(to);
    });
    range.hidden = false;
  }
  stage.classList.add("one");
  const first = items.findIndex((item) => !item.querySelector("button").disabled);
  if (first >= 0) go(items[first].querySelector("button").dataset, false, first);
  else if (keys.length) go({ go: keys[0].value, time: keys[0].dataset.time, picture: keys[0].dataset.picture }, false);
  else stand(null);
}
