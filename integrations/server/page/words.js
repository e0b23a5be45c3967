// Numbers, places and kinds of files in words.

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];
const SIGNS = { confirmed: "✓", rejected: "✗", unverified: "?" };
const ENDS = {
  cancelled: "It was stopped",
  "limit:steps": "It came to its limit of steps",
  "limit:visual_tokens": "It came to its limit of visual tokens",
  "limit:seconds": "It came to its limit of seconds",
  "limit:gpu_bytes": "It came to its limit of memory",
};
const KINDS = [
  ["video", /^video/, /\.(mp4|mov|mkv|avi|webm|mpe?g|m4v|ts)$/i],
  ["document", /pdf|document/, /\.(pdf|docx|pptx|odt|odp|tiff?)$/i],
  ["scene", /zip|scene/, /\.(zip|ply|glb|bag|mcap)$/i],
  ["picture", /^image|photo/, /\.(png|jpe?g|webp|gif|bmp|heic|avif)$/i],
];

/** "3.4 MB" */
export function bytes(count) {
  const power = Math.min(UNITS.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  return `${power && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

/** "1:02.5", of seconds of a video */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const [minutes, rest] = [Math.floor(tenths / 600), (tenths % 600) / 10];
  return `${minutes}:${rest.toFixed(1).padStart(4, "0")}`;
}

/** "1.2 s" */
export function took(seconds) {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** "97%" */
export function percent(share) {
  return `${Math.round(100 * share)}%`;
}

/** "1 step", "3 steps" */
export function counted(count, name) {
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** "✓ confirmed" */
export function verdict(name) {
  return `${SIGNS[name]} ${name}`;
}

/** Why a run ended with the best answer so far, or nothing where it was answered. */
export function ended(reason) {
  return ENDS[reason] ? `${ENDS[reason]}: this is the best answer so far.` : "";
}

/** The last part of a path, of either kind of machine. */
export function base(path) {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path;
}

/** Where a piece of evidence is: "lecture.mp4 at 0:12.0", "report.pdf, page 3". */
export function place({ still, region }) {
  const name = still.source.startsWith("memory:") ? "a picture" : base(still.source);
  if (region?.kind === "span") {
    const [start, end] = [clock(region.start), clock(region.end)];
    return start === end ? `${name} at ${start}` : `${name}, ${start} to ${end}`;
  }
  if (still.kind === "frame") return `${name} at ${clock(still.t)}`;
  if (still.kind === "page") return `${name}, page ${still.number}`;
  if (still.kind === "view") return `${name}, camera ${still.camera}`;
  return name;
}

/** What a run was about, by its plan: `{name, type}` of each file, and the `still` of a picture. */
export function given(steps) {
  const { pictures = [], videos = [], documents = [], scene = null } = steps.find(({ kind }) => kind === "plan") ?? {};
  const photos = pictures.filter(({ still }) => still.kind === "photo");
  return [
    ...photos.map(({ still }) => ({ name: base(still.source), type: "image/", still })),
    ...videos.map((source) => ({ name: base(source), type: "video/" })),
    ...documents.map((source) => ({ name: base(source), type: "application/pdf" })),
    ...(scene === null ? [] : [{ name: base(scene), type: "application/zip" }]),
  ];
}

/** Which icon a file gets, by its type and its name: "picture", "video", "document", "scene". */
export function kindOf({ type = "", name = "" }) {
  const known = KINDS.find(([, types, names]) => types.test(type) || names.test(name));
  return known ? known[0] : "picture";
}

/** "today at 14:05", "3 May" */
export function day(moment) {
  const then = new Date(moment);
  const now = new Date();
  const time = then.toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
  if (then.toDateString() === now.toDateString()) return `today at ${time}`;
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return then.toLocaleDateString([], { day: "numeric", month: "short", year });
}
