
// How a scene is drawn: `world` is what report_drawing.py packed, in the map's axes (right, forward, up).

const FIELD = Math.tan((20 * Math.PI) / 180);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const plus = (a, b, times = 1) => [a[0] + times * b[0], a[1] + times * b[1], a[2] + times * b[2]];
const corners = (from, to) => [0, 1, 2, 3, 4, 5, 6, 7].map((n) => from.map((side, i) => (n & (1 << i) ? to[i] : side)));
// Half of an object's extent; where that is not known, of where its centre may be.
const halfOf = ({ half, spread }) => half ?? spread.map((row, i) => Math.sqrt(Math.max(0, row[i])));
const boxOf = (thing) => corners(plus(thing.centre, halfOf(thing), -1), plus(thing.centre, halfOf(thing)));
const axesOf = ({ yaw, pitch }) => {
  const [sy, cy, sp, cp] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
  return { right: [cy, -sy, 0], up: [sp * sy, sp * cy, cp], ahead: [cp * sy, cp * cy, -sp] };
};

const drawer = (world, table, canvas, tags) => {
  const context = canvas.getContext("2d");
  const layer = document.createElement("canvas");
  const handles = table.querySelector(".handles");
  const used = new Set(tags.shot.map((tag) => Number(tag.dataset.shot)));
  const [low, high] = world.bounds;
  const radius = Math.max(1e-6, Math.hypot(...low.map((side, i) => high[i] - side)) / 2);
  const bytes = (text) => Uint8Array.from(atob(text ?? ""), (sign) => sign.charCodeAt(0));
  const packed = new DataView(bytes(world.xyz).buffer);
  const points = Float32Array.from({ length: 3 * world.count }, (_, i) => world.low[i % 3] + world.step * packed.getUint16(2 * i, true));
  const normals = new Int8Array(bytes(world.normals).buffer);
  const rgb = bytes(world.rgb);
  const colors = Uint32Array.from({ length: world.count }, (_, i) => 0xff000000 | (rgb[3 * i + 2] << 16) | (rgb[3 * i + 1] << 8) | rgb[3 * i]);

  let width, height, ratio, image, pixels, depths;
  let spots = [];
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

  const splat = (eye, { right, up, ahead }, focal, near) => {
    pixels.fill(0);
    depths.fill(Infinity);
    const [ex, ey, ez] = eye, [rx, ry, rz] = right, [ux, uy, uz] = up, [ax, ay, az] = ahead;
    const least = Math.ceil(1.2 * ratio), wide = world.voxel * 1.6 * focal;
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

  const draw = (view, chosen) => {
    const basis = axesOf(view);
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
    if (world.count) splat(eye, basis, focal, near);
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
    world.things.forEach((thing, index) => drawThing(thing, hue(index), chosen && lit(index, thing.seen.find((shot) => lit(-1, shot))), { stroke, line, project, basis, focal, near }));
    world.lines.forEach(({ ends }) => {
      const [a, b] = ends.map(project);
      for (const [color, thick] of [[style.getPropertyValue("--sky"), 7], [ink, 3.5]]) stroke(color, thick, 1, () => line(...ends));
      context.fillStyle = ink;
      for (const [x, y, depth] of [a, b]) if (depth > near) context.fillRect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
    });
    placeTags(project, near, stroke, soft, chosen);
  };

  const drawGround = (stroke, line, soft) => {
    if (world.floor === null) return;
    const step = world.grid, from = [0, 1].map((i) => Math.floor(low[i] / step) * step), to = [0, 1].map((i) => Math.ceil(high[i] / step) * step);
    stroke(soft, 1, 0.28, () => {
      for (let x = from[0]; x <= to[0] + step / 2; x += step) line([x, from[1], world.floor], [x, to[1], world.floor]);
      for (let y = from[1]; y <= to[1] + step / 2; y += step) line([from[0], y, world.floor], [to[0], y, world.floor]);
    });
  };

  const drawThing = (thing, color, on, { stroke, line, project, basis, focal, near }) => {
    if (thing.half) {
      const box = boxOf(thing);
      stroke(color, on ? 3.5 : 2, 1, () => {
        for (let n = 0; n < 8; n++) for (let i = 0; i < 3; i++) if (!(n & (1 << i))) line(box[n], box[n | (1 << i)]);
      });
    }
    // The covariance as the screen sees it: J S J^T, whose eigenvectors are the axes of an ellipse.
    const [x, y, depth, away] = project(thing.centre);
    if (depth < near) return;
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

  const placeTags = (project, near, stroke, soft, chosen) => {
    const taken = [];
    const [wide, high_] = [width / ratio, height / ratio];
    // Names may cover what they name only where there is no other room.
    const covered = world.things.map((thing) => {
      const box = boxOf(thing).map(project).filter((place) => place[2] > near);
      const [xs, ys] = [0, 1].map((i) => box.map((place) => place[i] / ratio));
      return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    });
    spots = [
      ...world.things.map((thing, index) => ({ kind: "thing", index, rect: covered[index], depth: project(thing.centre)[2] })),
      ...[...used].map((index) => {
        const [x, y, depth] = project(world.shots[index].eye);
        return { kind: "shot", index, rect: [x / ratio - 14, y / ratio - 14, x / ratio + 14, y / ratio + 14], depth };
      }),
    ].filter((spot) => spot.depth > near);
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
      const thing = world.things[index];
      put(tag, project(plus(thing.centre, [0, 0, halfOf(thing)[2]])), false);
    });
    for (const tag of tags.shot) {
      const index = Number(tag.dataset.shot);
      put(tag, project(world.shots[index].eye), !(chosen?.kind === "shot" && chosen.index === index));
    }
  };

  // What is drawn at a place of the canvas: the nearest object or camera.
  const at = (x, y) => {
    const hit = spots.filter(({ rect }) => x >= rect[0] && y >= rect[1] && x <= rect[2] && y <= rect[3]);
    return hit.sort((one, other) => one.depth - other.depth)[0];
  };

  return { measure, weigh, draw, at, used, low, high, radius };
};
