
for (const section of document.querySelectorAll("[data-scene]")) {
  const world = JSON.parse(section.querySelector("script.drawing").textContent);
  const table = section.querySelector(".turntable");
  const canvas = table.querySelector("canvas");
  const strip = section.querySelector(".strip");
  const status = section.querySelector(".chosen");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const tagsOf = (name) => [...table.querySelectorAll(`[data-${name}]`)];
  const tags = { line: tagsOf("line"), thing: tagsOf("thing"), shot: tagsOf("shot") };
  const { measure, weigh, draw, at, used, low, high, radius } = drawer(world, table, canvas, tags);
  const middle = low.map((side, i) => (side + high[i]) / 2);
  let view, chosen = null, frame = 0, moving = 0;

  const redraw = () => {
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      draw(view, chosen);
    });
  };

  // --- The viewer: it looks at a place from a distance, and turns around it --------------------------------

  const SLIP = 6;
  const STEEPEST = Math.PI / 2 - 0.001;
  const home = () => {
    // From the side of the first camera that looked, turned to where the most is seen, and from somewhat above.
    const first = world.shots[[...used][0] ?? 0];
    const yaw = first ? Math.atan2(middle[0] - first.eye[0], middle[1] - first.eye[1]) : 0;
    const looks = [-0.9, -0.6, -0.35, 0.35, 0.6, 0.9].map((turn) => fitted(yaw + turn, 0.55));
    return looks.reduce((best, one) => (one.distance < best.distance ? one : best));
  };
  // The nearest view from a direction that shows all that was found, and the cameras; of far ones, which way.
  const fitted = (yaw, pitch) => {
    const found = corners(low, high);
    const eyes = [...used].map((index) => world.shots[index].eye);
    const near = eyes.map((eye) => {
      const away = plus(eye, middle, -1), far = Math.hypot(...away);
      return plus(middle, away, far < 2.5 * radius ? 1 : (1.3 * radius) / far);
    });
    const all = [...found, ...near];
    const basis = axesOf({ yaw, pitch });
    const [across, tall] = [canvas.clientWidth / canvas.clientHeight, 1].map((side) => side * FIELD * 0.86);
    let place = middle, distance = radius * 3;
    for (let round = 0; round < 12; round++) {
      const eye = plus(place, basis.ahead, -distance);
      const seen = all.map((point) => {
        const away = plus(point, eye, -1), depth = Math.max(distance / 50, dot(away, basis.ahead));
        return [dot(away, basis.right) / depth, dot(away, basis.up) / depth];
      });
      const sides = [0, 1].map((i) => [Math.min(...seen.map((one) => one[i])), Math.max(...seen.map((one) => one[i]))]);
      const [x, y] = sides.map(([least, most]) => ((least + most) / 2) * distance);
      place = plus(plus(place, basis.right, x), basis.up, y);
      distance *= Math.max((sides[0][1] - sides[0][0]) / 2 / across, (sides[1][1] - sides[1][0]) / 2 / tall) ** 0.7;
    }
    return { yaw, pitch, distance, at: place };
  };

  // --- Moving -----------------------------------------------------------------------------------------------

  const go = (target, eased = true) => {
    cancelAnimationFrame(moving);
    if (!eased || still.matches) {
      view = { ...target, at: [...target.at] };
      redraw();
      return;
    }
    const from = { ...view, at: [...view.at] }, began = performance.now();
    const turn = Math.atan2(Math.sin(target.yaw - from.yaw), Math.cos(target.yaw - from.yaw));
    const step = (now) => {
      const share = Math.min(1, Math.max(0, now - began) / 350), eased = share * share * (3 - 2 * share);
      const between = (a, b) => a + (b - a) * eased;
      view = {
        yaw: from.yaw + turn * eased,
        pitch: between(from.pitch, target.pitch),
        distance: between(from.distance, target.distance),
        at: from.at.map((side, i) => between(side, target.at[i])),
      };
      redraw();
      if (share < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
  };
  const turn = (yaw, pitch) => go({ ...view, yaw: view.yaw + yaw, pitch: Math.min(STEEPEST, Math.max(-0.2, view.pitch + pitch)) }, false);
  const zoom = (times) => go({ ...view, distance: Math.min(radius * 20, Math.max(radius * 0.05, view.distance * times)) }, false);
  const shift = (x, y) => {
    const { right, up } = axesOf(view), scale = (2 * FIELD * view.distance) / canvas.clientHeight;
    go({ ...view, at: plus(plus(view.at, right, -x * scale), up, y * scale) }, false);
  };
  const above = () => go(fitted(0, STEEPEST));

  // --- Choosing an object or a camera -----------------------------------------------------------------------

  const choose = (kind, index) => {
    chosen = kind && !(chosen?.kind === kind && chosen.index === index) ? { kind, index } : null;
    const thing = chosen?.kind === "thing" ? world.things[index] : null;
    const shots = thing ? thing.seen : chosen ? [index] : [];
    const shown = world.things.filter((one, i) => (thing ? one === thing : one.seen.includes(index)));
    const labels = chosen ? shown.map((one) => one.label) : [];
    for (const tag of tags.thing) {
      tag.setAttribute("aria-pressed", thing === world.things[tag.dataset.thing]);
      tag.classList.toggle("dim", Boolean(chosen) && !labels.includes(world.things[tag.dataset.thing].label));
    }
    for (const tag of tags.shot) {
      tag.setAttribute("aria-pressed", chosen?.kind === "shot" && chosen.index === Number(tag.dataset.shot));
      tag.classList.toggle("dim", Boolean(chosen) && !shots.includes(Number(tag.dataset.shot)));
    }
    for (const row of section.querySelectorAll("tr[data-label]")) row.classList.toggle("lit", labels.includes(Number(row.dataset.label)));
    strip?.classList.toggle("choosing", Boolean(chosen));
    const figures = [...section.querySelectorAll(".strip figure")];
    for (const figure of figures) {
      const here = shots.includes(Number(figure.dataset.shot));
      figure.classList.toggle("lit-view", here);
      for (const mark of figure.querySelectorAll(".mark")) mark.classList.toggle("lit", here && labels.includes(Number(mark.dataset.label)));
    }
    const first = shots.map((shot) => figures.find((figure) => Number(figure.dataset.shot) === shot)).find(Boolean);
    if (first) {
      strip.scrollTo({ left: first.offsetLeft - strip.offsetLeft - 4, behavior: still.matches ? "auto" : "smooth" });
    }
    const name = (tag) => tag.textContent.trim();
    const named = (indices) => indices.map((one) => `view ${one + 1}`).join(", ") || "no view";
    if (thing) {
      const [place, size] = section.querySelectorAll(`tr[data-label="${thing.label}"] td`);
      status.textContent = `${name(tags.thing[index])}: at ${place.textContent}, extent ${size.textContent}, seen in ${named(thing.seen)}.`;
    } else if (chosen) {
      const names = shown.map((one) => name(tags.thing[world.things.indexOf(one)]));
      status.textContent = `View ${index + 1} shows ${names.join(", ") || "none of the objects"}.`;
    } else status.textContent = "";
    weigh();
    redraw();
  };
  table.addEventListener("click", (event) => {
    const { thing, shot, do: act } = event.target.closest("button")?.dataset ?? {};
    if (thing !== undefined) choose("thing", Number(thing));
    else if (shot !== undefined) choose("shot", Number(shot));
    else if (act) ({ near: () => zoom(0.8), far: () => zoom(1.25), above, reset: () => go(home()) })[act]();
  });

  // --- Mouse, touch and keys --------------------------------------------------------------------------------

  const fingers = new Map();
  let dragged = 0;
  table.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".handles")) return;
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (fingers.size === 1) dragged = 0;
  });
  table.addEventListener("pointermove", (event) => {
    const last = fingers.get(event.pointerId);
    if (!last) return;
    const [x, y] = [event.clientX - last[0], event.clientY - last[1]];
    dragged += Math.abs(x) + Math.abs(y);
    // A press that hardly moves is a click, also on a name; one that moves turns, wherever it began.
    if (dragged < SLIP && fingers.size === 1) return;
    if (!canvas.hasPointerCapture(event.pointerId)) canvas.setPointerCapture(event.pointerId);
    const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (other) {
      const apart = (place) => Math.max(1, Math.hypot(place[0] - other[0], place[1] - other[1]));
      zoom(apart(last) / apart([event.clientX, event.clientY]));
      shift(x / 2, y / 2);
    } else if (event.shiftKey || event.buttons & 6) shift(x, y);
    else turn((x * 2.5) / canvas.clientHeight, (y * 2.5) / canvas.clientHeight);
  });
  const lift = (event) => fingers.delete(event.pointerId);
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) table.addEventListener(name, lift);
  canvas.addEventListener("click", (event) => {
    if (dragged >= SLIP) return;
    const { left, top } = canvas.getBoundingClientRect();
    const { kind = null, index } = at(event.clientX - left, event.clientY - top) ?? {};
    choose(kind, index);
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("wheel", (event) => {
    // The page scrolls past; only once the view is in use does the wheel belong to it.
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    zoom(Math.exp(Math.max(-80, Math.min(80, event.deltaY)) * 0.003));
  }, { passive: false });
  table.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choose(null);
    if (event.target !== canvas || event.ctrlKey || event.metaKey || event.altKey) return;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const act = { "+": () => zoom(0.85), "=": () => zoom(0.85), "-": () => zoom(1.18), 0: () => go(home()) }[event.key];
    if (!way && !act) return;
    event.preventDefault();
    if (act) act();
    else if (event.shiftKey) shift(-30 * way[0], 30 * way[1]);
    else turn(0.15 * way[0], 0.15 * way[1]);
  });

  section.querySelector(".world").hidden = false;
  measure();
  view = home();
  new ResizeObserver(() => {
    measure();
    draw(view, chosen);
  }).observe(canvas);
  for (const media of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(media).addEventListener("change", () => draw(view, chosen));
  }
}
