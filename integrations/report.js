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
