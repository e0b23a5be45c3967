// Small pictures of evidence, with the box that a claim is about; each is read when it comes into view.

import { ask } from "./api.js";
import { draw } from "./element.js";

/** Width over height of a small picture, and the width in pixels that it is read with. */
const RATIO = 4 / 3;
const WIDE = 320;
/** How much of what is around a box is shown, as a multiple of it; and the least part of the picture's width. */
const AROUND = 1.5;
const LEAST = 1 / 3;
/** Pixels of the longest side that the server is asked for. */
const LONGEST = 1600;

const unread = new WeakMap();
const watch = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    watch.unobserve(target);
    unread.get(target)();
  }
});

/** Return the picture of a still of a result, the part around `region` where that is a box. */
export function picture(result, { sha256, width, height }, region = null) {
  const box = region?.kind === "box" ? region : null;
  const part = around(box, width, height);
  const side = Math.min(LONGEST, Math.ceil((WIDE * Math.max(width, height)) / part.width));
  const path = `/v1/results/${encodeURIComponent(result)}/pictures/${sha256}?side=${Math.max(16, side)}`;
  const image = draw("image", { width, height });
  const drawing = draw(
    "svg",
    { class: "picture", viewBox: `${part.x} ${part.y} ${part.width} ${part.height}`, "aria-hidden": "true" },
    image,
    box && draw("rect", { x: box.x0, y: box.y0, width: box.x1 - box.x0, height: box.y1 - box.y0 }),
  );
  unread.set(drawing, async () => {
    try {
      const address = URL.createObjectURL(await (await ask(path)).blob());
      image.addEventListener("load", () => URL.revokeObjectURL(address));
      image.setAttribute("href", address);
    } catch {
      drawing.classList.add("gone"); // the words beside it are there all the same
    }
  });
  watch.observe(drawing);
  return drawing;
}

/** Return the part of a picture that shows a box and what is around it: all of it where there is none. */
function around(box, width, height) {
  const whole = { x: 0, y: 0, width, height };
  if (!box) return whole;
  const wide = Math.max(AROUND * (box.x1 - box.x0), AROUND * RATIO * (box.y1 - box.y0), LEAST * width);
  const high = wide / RATIO;
  if (wide >= width || high >= height) return whole;
  const x = Math.min(Math.max(0, (box.x0 + box.x1 - wide) / 2), width - wide);
  const y = Math.min(Math.max(0, (box.y0 + box.y1 - high) / 2), height - high);
  return { x, y, width: wide, height: high };
}
