
for (const section of document.querySelectorAll("[data-scene]")) {
  const world = JSON.parse(section.querySelector("script.drawing").textContent);
  const table = section.querySelector(".turntable");
  const canvas = table.querySelector("canvas");
  const context = canvas.getContext("2d");
  const layer = document.createElement("canvas");
  const strip = section.querySelector(".strip");
  const status = section.querySelector(".chosen");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const tagsOf = (name) => [...table.querySelectorAll(`[data-${name}]`)];
  const tags = { line: tagsOf("line"), thing: tagsOf("thing"), shot: tagsOf("shot") };

  // --- What there is, in the map's axes: right, forward, up -----------------------------------------------

  const bytes = (text) => Uint8Array.from(atob(text ?? ""), (sign) => sign.charCodeAt(0));
  const packed = new DataView(bytes(world.xyz).buffer);
  const points = Float32Array.from({ length: 3 * world.count }, (_, i) => world.low[i % 3] + world.step * packed.getUint16(2 * i, true));
  const normals = new Int8Array(bytes(world.normals).buffer);
  const rgb = bytes(world.rgb);
  const colors = Uint32Array.from({ length: world.count }, (_, i) => 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i]);
  const [low, high] = world.bounds;
  const middle = low.map((side, i) => (side + high[i]) / 2);
  const radius = Math.max(1e-6, Math.hypot(...low.map((side, i) => high[i] - side)) / 2);
  const corners = (from, to) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => from.map((side, i) => (n & (1 << i) ? to[i] : side)));
  const used = new Set(tags.shot.map((tag) => Number(tag.dataset.shot)));

  // --- The viewer: it looks at a place from a distance, and turns around it --------------------------------

  const FIELD = Math.tan((20 * Math.PI) / 180);
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
    const basis = axes({ yaw, pitch });
    const [across, tall] = [canvas.clientWidth / canvas.clientHeight, 1].map((side) => side * FIELD * 0.86);
    let at = middle, distance = radius * 3;
    for (let round = 0; round < 12; round++) {
      const eye = plus(at, basis.ahead, -distance);
      const seen = all.map((point) => {
        const away = plus(point, eye, -1), depth = Math.max(distance / 50, dot(away, basis.ahead));
        return [dot(away, basis.right) / depth, dot(away, basis.up) / depth];
      });
      const sides = [0, 1].map((i) => [Math.min(...seen.map((one) => one[i])), Math.max(...seen.map((one) => one[i]))]);
      const [x, y] = sides.map(([least, most]) => ((least + most) / 2) * distance);
      at = plus(plus(at, basis.right, x), basis.up, y);
      distance *= Math.max((sides[0][1] - sides[0][0]) / 2 / across, (sides[1][1] - sides[1][0]) / 2 / tall) ** 0.7;
    }
    return { yaw, pitch, distance, at };
  };
  let view, chosen = null, frame = 0, moving = 0;

  const axes = (from = view) => {
    const [sy, cy, sp, cp] = [Math.sin(from.yaw), Math.cos(from.yaw), Math.sin(from.pitch), Math.cos(from.pitch)];
    return { right: [cy, -sy, 0], up: [sp * sy, sp * cy, cp], ahead: [cp * sy, cp * cy, -sp] };
  };
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const plus = (a, b, times = 1) => [a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]];

  // --- Drawing ----------------------------------------------------------------------------------------------

  let width, height, ratio, image, pixels, depths;
  const measure = () => {
    // Points are drawn one by one: a screen with many pixels gets no more of them than can be drawn smoothly.
    ratio = Math.min(devicePixelRatio || 1, 2, Math.sqrt(1.6e6 / (canvas.clientWidth * canvas.clientHeight)));
    width = canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    height = canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    [layer.width, layer.height] = [width, height];
    image = context.createImageData(width, height);
    pixels = new Uint32Array(image.data.buffer);
    depths = new Float32Array(width * height);
    weigh();
  };
  const weigh = () => {
    for (const tag of Object.values(tags).flat()) tag.size = [tag.offsetWidth, tag.offsetHeight];
  };

  const splat = (eye, { right, up, ahead }, focal) => {
    pixels.fill(0);
    depths.fill(Infinity);
    const [ex, ey, ez] = eye, [rx, ry, rz] = right, [ux, uy, uz] = up, [ax, ay, az] = ahead;
    const near = view.distance * 0.02, least = Math.ceil(1.2 * ratio), wide = world.voxel * 1.6 * focal;
    for (let i = 0, j = 0; i < world.count; i++, j += 3) {
      const x = points[j] - ex, y = points[j + 1] - ey, z = points[j + 2] - ez;
      const depth = x * ax + y * ay + z * az;
      // What faces away is left out: a room is seen into through its walls.
      if (depth < near || normals[j] * x + normals[j + 1] * y + normals[j + 2] * z > 0) continue;
      const side = Math.min(24, Math.max(least, Math.round(wide / depth)));
      const left = Math.round(width / 2 + (focal * (x * rx + y * ry + z * rz)) / depth - side / 2);
      const top = Math.round(height / 2 - (focal * (x * ux + y * uy + z * uz)) / depth - side / 2);
      const right_ = Math.min(width, left + side), bottom = Math.min(height, top + side);
      for (let row = Math.max(0, top); row < bottom; row++) {
        for (let at = row * width + Math.max(0, left), end = row * width + right_; at < end; at++) {
          if (depth < depths[at]) { depths[at] = depth; pixels[at] = colors[i]; }
        }
      }
    }
    layer.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(layer, 0, 0);
  };

  const draw = () => {
    frame = 0;
    const basis = axes();
    const eye = plus(view.at, basis.ahead, -view.distance);
    const focal = height / 2 / FIELD;
    const near = view.distance * 0.02;
    const project = (point) => {
      const away = plus(point, eye, -1), depth = dot(away, basis.ahead);
      return [width / 2 + (focal * dot(away, basis.right)) / depth, height / 2 - (focal * dot(away, basis.up)) / depth, depth, away];
    };
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(table);
    const ink = style.getPropertyValue("--line"), soft = style.getPropertyValue("--soft");
    // A line between points of the world; what lies behind the viewer is cut off.
    const line = (from, to) => {
      const ends = [from, to].map((point) => dot(plus(point, eye, -1), basis.ahead) - near);
      if (ends[0] <= 0 && ends[1] <= 0) return;
      const share = ends[0] / (ends[0] - ends[1]), cut = plus(from, plus(to, from, -1), share);
      const [a, b] = [project(ends[0] > 0 ? from : cut), project(ends[1] > 0 ? to : cut)];
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0], b[1]);
    };
    const stroke = (color, thick, alpha, path, dash = []) => {
      context.beginPath();
      path();
      context.globalAlpha = alpha;
      context.lineWidth = thick * ratio;
      context.strokeStyle = color;
      context.setLineDash(dash.map((length) => length * ratio));
      context.stroke();
      context.globalAlpha = 1;
    };
    const hue = (thing) => getComputedStyle(tags.thing[thing]).getPropertyValue("--wire");
    const lit = (thing, shot) => !chosen || (chosen.kind === "thing" ? chosen.index === thing : chosen.index === shot);
    drawGround(stroke, line, soft);
    if (world.count) splat(eye, basis, focal);
    world.shots.forEach((shot, number) => {
      const looked = used.has(number);
      const on = chosen && (chosen.kind === "shot" ? chosen.index === number : world.things[chosen.index].seen.includes(number));
      const reach = radius * (looked ? 0.1 : 0.05);
      const rim = shot.corners.map((corner) => plus(shot.eye, corner, reach / Math.hypot(...corner)));
      stroke(looked ? ink : soft, on ? 2.5 : looked ? 1.5 : 1, chosen && !on ? 0.35 : 1, () => rim.forEach((corner, i) => {
        line(shot.eye, corner);
        line(corner, rim[(i + 1) % 4]);
      }));
    });
    world.things.forEach((thing, index) => thing.seen.forEach((shot) => {
      const on = lit(index, shot);
      stroke(hue(index), chosen && on ? 2.5 : 1.25, chosen ? (on ? 0.95 : 0.06) : 0.4, () => line(world.shots[shot].eye, thing.centre), chosen && on ? [] : [4, 4]);
    }));
    world.things.forEach((thing, index) => drawThing(thing, hue(index), chosen && lit(index, thing.seen.find((shot) => lit(-1, shot))), { stroke, line, project, basis, focal }));
    world.lines.forEach(({ ends }) => {
      const [a, b] = ends.map(project);
      for (const [color, thick] of [[style.getPropertyValue("--sky"), 7], [ink, 3.5]]) stroke(color, thick, 1, () => line(...ends));
      context.fillStyle = ink;
      for (const [x, y, depth] of [a, b]) if (depth > near) context.fillRect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
    });
    placeTags(project, near, stroke, soft);
  };

  const drawGround = (stroke, line, soft) => {
    if (world.floor === null) return;
    const step = world.grid, from = [0, 1].map((i) => Math.floor(low[i] / step) * step), to = [0, 1].map((i) => Math.ceil(high[i] / step) * step);
    stroke(soft, 1, 0.28, () => {
      for (let x = from[0]; x <= to[0] + step / 2; x += step) line([x, from[1], world.floor], [x, to[1], world.floor]);
      for (let y = from[1]; y <= to[1] + step / 2; y += step) line([from[0], y, world.floor], [to[0], y, world.floor]);
    });
  };

  const boxOf = ({ centre, half }) => corners(plus(centre, half, -1), plus(centre, half));

  const drawThing = (thing, color, on, { stroke, line, project, basis, focal }) => {
    if (thing.half) {
      const box = boxOf(thing);
      stroke(color, on ? 3.5 : 2, 1, () => {
        for (let n = 0; n < 8; n++) for (let i = 0; i < 3; i++) if (!(n & (1 << i))) line(box[n], box[n | (1 << i)]);
      });
    }
    // The covariance as the screen sees it: J S J^T, whose eigenvectors are the axes of an ellipse.
    const [x, y, depth, away] = project(thing.centre);
    if (depth < view.distance * 0.02) return;
    const rows = [basis.right, basis.up].map((axis) => plus(axis, basis.ahead, -dot(away, axis) / depth).map((side) => (side * focal) / depth));
    const spread = (a, b) => a.reduce((sum, side, i) => sum + side * dot(thing.spread[i], b), 0);
    const [xx, xy, yy] = [spread(rows[0], rows[0]), spread(rows[0], rows[1]), spread(rows[1], rows[1])];
    const mean = (xx + yy) / 2, gap = Math.hypot((xx - yy) / 2, xy);
    const [long, short] = [mean + gap, mean - gap].map((square) => Math.max(3 * ratio, Math.sqrt(Math.max(0, square))));
    context.beginPath();
    context.ellipse(x, y, long, short, -Math.atan2(2 * xy, xx - yy) / 2, 0, 2 * Math.PI);
    context.fillStyle = color;
    context.globalAlpha = 0.45;
    context.fill();
    context.globalAlpha = 1;
    stroke(color, 1.5, 1, () => context.ellipse(x, y, long, short, -Math.atan2(2 * xy, xx - yy) / 2, 0, 2 * Math.PI));
  };

  // --- Names: each beside its place, and none over another while there is room ------------------------------

  const placeTags = (project, near, stroke, soft) => {
    const taken = [];
    const [wide, high_] = [width / ratio, height / ratio];
    const handles = table.querySelector(".handles");
    // Names may cover what they name only where there is no other room.
    const covered = world.things.map((thing) => {
      const box = (thing.half ? boxOf(thing) : [thing.centre]).map(project).filter((place) => place[2] > near);
      const [xs, ys] = [0, 1].map((i) => box.map((place) => place[i] / ratio));
      return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    });
    taken.push([wide - handles.offsetWidth - 10, high_ - handles.offsetHeight - 10, wide, high_]);
    const over = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
    const put = (tag, place, optional) => {
      const [x, y, depth] = place;
      const [w, h] = tag.size, at = [x / ratio, y / ratio];
      const outside = depth < near || at[0] < 0 || at[1] < 0 || at[0] > wide || at[1] > high_;
      tag.classList.toggle("out", outside);
      if (outside) return;
      let best = null;
      for (const gap of [6, 6 + h, 12 + 2 * h]) {
        for (const [dx, dy] of [[-w / 2, -h - gap], [-w / 2, gap], [gap, -h / 2], [-w - gap, -h / 2], [gap, -h - gap], [-w - gap, -h - gap]]) {
          const left = Math.min(Math.max(2, at[0] + dx), wide - w - 2), top = Math.min(Math.max(2, at[1] + dy), high_ - h - 2);
          const plate = [left - 2, top - 2, left + w + 2, top + h + 2];
          const cost = taken.reduce((sum, other) => sum + over(plate, other), 0) + covered.reduce((sum, other) => sum + over(plate, other), 0) / 4 + gap;
          if (!best || cost < best.cost) best = { plate, cost, hit: taken.some((other) => over(plate, other) > 40) };
        }
      }
      if (optional && best.hit) {
        tag.classList.add("out");
        return;
      }
      const [left, top, right, bottom] = best.plate;
      taken.push(best.plate);
      tag.style.transform = `translate(${Math.round(left + 2)}px, ${Math.round(top + 2)}px)`;
      const nearest = [Math.min(Math.max(at[0], left + 2), right - 2), Math.min(Math.max(at[1], top + 2), bottom - 2)];
      if (Math.hypot(nearest[0] - at[0], nearest[1] - at[1]) > 10) {
        stroke(soft, 1.25, 1, () => {
          context.moveTo(x, y);
          context.lineTo(nearest[0] * ratio, nearest[1] * ratio);
        });
      }
    };
    world.lines.forEach(({ ends }, index) => put(tags.line[index], project(plus(ends[0], plus(ends[1], ends[0], -1), 0.5)), false));
    tags.thing.forEach((tag, index) => {
      const { centre: place, half } = world.things[index];
      put(tag, project(half ? plus(place, [0, 0, half[2]]) : place), false);
    });
    for (const tag of tags.shot) {
      const index = Number(tag.dataset.shot);
      put(tag, project(world.shots[index].eye), !(chosen?.kind === "shot" && chosen.index === index));
    }
  };

  const redraw = () => {
    frame ||= requestAnimationFrame(draw);
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
    const { right, up } = axes(), scale = (2 * FIELD * view.distance) / canvas.clientHeight;
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
    }
    else if (chosen) status.textContent = `View ${index + 1} shows ${shown.map((one) => name(tags.thing[world.things.indexOf(one)])).join(", ") || "none of the objects"}.`;
    else status.textContent = "";
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
  canvas.addEventListener("click", () => {
    if (dragged < SLIP) choose(null);
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
    draw();
  }).observe(canvas);
  dark.addEventListener("change", redraw);
}
