// What is wrong with a page as it stands: text too faint, buttons too small or nameless, things that stick out.
() => {
  const faults = [];
  const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
  const named = ({ tagName, id, className }) => `${tagName.toLowerCase()}${id && `#${id}`} ${className}`.trim();
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const channels = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [red, green, blue] = color.map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  if (document.documentElement.scrollWidth > innerWidth || scrollY > 0) faults.push("the page can be scrolled");
  for (const element of document.querySelectorAll("body *")) {
    if (!shown(element) || element.closest(".unseen, svg, [inert]")) continue;
    const box = element.getBoundingClientRect();
    if (box.right > innerWidth + 1 && !element.closest(".skip")) faults.push(`${named(element)} sticks out`);
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (own) {
      const [text, back] = [luminance(channels(getComputedStyle(element).color)), luminance(behind(element))];
      const contrast = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
      if (contrast < 4.5) faults.push(`${named(element)} has a contrast of ${contrast.toFixed(2)}`);
    }
    if (element.matches("button, a[href], input, textarea, summary, iframe, meter, progress")) {
      const label = element.labels?.[0]?.textContent ?? "";
      if (!(element.getAttribute("aria-label") || element.title || label || element.textContent).trim()) {
        faults.push(`${named(element)} has no name`);
      }
    }
    const least = matchMedia("(pointer: coarse)").matches ? 44 : 32;
    if (element.matches("button, .button") && Math.min(box.width, box.height) < least) {
      faults.push(`${named(element)} is ${box.width} by ${box.height}`);
    }
  }
  return faults;
}
