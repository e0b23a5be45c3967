
{
  // Links between quotes and boxes work without this; with it a box comes close enough to be read.
  const READABLE = 0.45, LARGE = 1, LEAST = 0.65, MOST = 8, STEP = 1.3;
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const smoothly = () => (still.matches ? "auto" : "smooth");
  const zooms = new WeakMap();
  const windowOf = (leaf) => leaf.querySelector(".window");
  const zoomOf = (leaf) => zooms.get(leaf) ?? 1;
  // CSS pixels for a pixel of the page when all of its width is shown.
  const scaleOf = (leaf) => windowOf(leaf).clientWidth / Number(leaf.querySelector("img").getAttribute("width"));

  const zoom = (leaf, times) => {
    const to = Math.min(MOST, Math.max(1, times)), view = windowOf(leaf), by = to / zoomOf(leaf);
    const middle = [view.scrollLeft + view.clientWidth / 2, view.scrollTop + view.clientHeight / 2];
    zooms.set(leaf, to);
    leaf.classList.toggle("zoomed", to > 1);
    leaf.style.setProperty("--zoom", to);
    view.scrollTo(middle[0] * by - view.clientWidth / 2, middle[1] * by - view.clientHeight / 2);
    if (to > 1) view.tabIndex = 0;
    else view.removeAttribute("tabindex");
    for (const button of leaf.querySelectorAll("[data-lens]")) {
      button.disabled = button.dataset.lens === "in" ? to >= MOST : to <= 1;
    }
  };
  // Bring a box into the middle; one that is larger than the window, its beginning.
  const bring = (leaf, box) => {
    const view = windowOf(leaf);
    const along = (start, length, room) => start - Math.max(24, (room - length) / 2);
    view.scrollTo(
      along(box.offsetLeft, box.offsetWidth, view.clientWidth),
      along(box.offsetTop, box.offsetHeight, view.clientHeight),
    );
    const target = zoomOf(leaf) > 1 ? view : box;
    target.scrollIntoView({ block: zoomOf(leaf) > 1 ? "nearest" : "center", inline: "nearest", behavior: smoothly() });
  };
  const closer = (leaf, box) => {
    const view = windowOf(leaf), whole = scaleOf(leaf);
    const fits = Math.min((0.9 * view.clientWidth) / box.offsetWidth, (0.6 * innerHeight) / box.offsetHeight) * zoomOf(leaf) * whole;
    zoom(leaf, Math.min(LARGE, Math.max(LEAST, fits)) / whole);
    bring(leaf, box);
  };
  const choose = (number) => {
    for (const one of document.querySelectorAll(".documents [data-mark]")) one.classList.toggle("chosen", one.dataset.mark === number);
  };
  const show = (id) => {
    const target = document.getElementById(id);
    if (!target?.closest(".documents")) return false;
    choose(target.dataset.mark);
    const leaf = target.closest("[data-leaf]");
    if (leaf && target !== leaf) {
      const small = leaf.querySelector("img") && scaleOf(leaf) * zoomOf(leaf) < READABLE;
      (small ? closer : bring)(leaf, target);
    } else target.scrollIntoView({ block: leaf ? "start" : "nearest", behavior: smoothly() });
    target.focus({ preventScroll: true });
    return true;
  };
  const go = (id) => {
    if (show(id) && location.hash !== `#${id}`) history.pushState(null, "", `#${id}`);
  };

  for (const section of document.querySelectorAll(".documents")) {
    for (const hidden of section.querySelectorAll(".lens, .closer")) hidden.hidden = false;
    section.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']"), lens = event.target.closest("[data-lens]");
      const near = event.target.closest("[data-closer]"), words = event.target.closest("blockquote");
      if (link && !(event.ctrlKey || event.metaKey || event.shiftKey)) {
        event.preventDefault();
        go(link.hash.slice(1));
      } else if (near) {
        const box = document.getElementById(`box-${near.dataset.closer}`);
        choose(near.dataset.closer);
        closer(box.closest("[data-leaf]"), box);
      } else if (lens) {
        const leaf = lens.closest("[data-leaf]");
        zoom(leaf, { in: zoomOf(leaf) * STEP, out: zoomOf(leaf) / STEP, whole: 1 }[lens.dataset.lens]);
      } else if (words && !getSelection().toString()) {
        // Words that are being selected are to be copied, not followed.
        go(words.closest(".quote").querySelector("a.number").hash.slice(1));
      }
    });
    section.addEventListener("keydown", (event) => {
      if (event.key === "Escape") choose();
      const leaf = event.target.closest(".window") && event.target.closest("[data-leaf]");
      const to = leaf && { "+": zoomOf(leaf) * STEP, "=": zoomOf(leaf) * STEP, "-": zoomOf(leaf) / STEP, 0: 1 }[event.key];
      if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      zoom(leaf, to);
    });
  }
  addEventListener("popstate", () => show(location.hash.slice(1)));
  if (location.hash) show(location.hash.slice(1));
}
