// How values are told: times, lengths, certainties, kinds of places.

export const KINDS = {
  visual: "by its picture",
  neighbours: "by photos near it in time",
  track: "by a track",
  sidecar: "by its sidecar",
  camera: "by its camera",
  manual: "by you",
};

export const OWN = new Set(["camera", "sidecar", "manual"]);

export const ACTIONS = {
  confirm: "confirmed",
  move: "moved",
  reject: "rejected",
  aside: "set aside",
  reopen: "opened again",
  clock: "clock set",
};

export function length(km) {
  if (km === null || km === undefined) return "";
  return km < 1 ? `${Math.round(1000 * km)} m` : `${Number(km.toPrecision(3))} km`;
}

export function percent(share) {
  return share === null || share === undefined ? "" : `${Math.floor(100 * share)} %`;
}

export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

export function day(utc) {
  if (utc === null) return "Without a time";
  const options = { weekday: "short", year: "numeric", month: "short", day: "numeric", timeZone: "UTC" };
  return new Date(1000 * utc).toLocaleDateString("en-GB", options);
}

export function hour(utc) {
  return new Date(1000 * utc).toISOString().slice(11, 16);
}

export function moment(photo) {
  const utc = photo.utc === null ? "" : ` (${hour(photo.utc)} UTC)`;
  if (photo.taken) return `${photo.taken.replace("T", " ").slice(0, 19)} by its clock${utc}`;
  return photo.utc === null ? "no time" : `${new Date(1000 * photo.utc).toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function degrees(latitude, longitude) {
  return `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
}

// As `--clock` reads it: +1h03m
export function shift(seconds) {
  const left = Math.round(Math.abs(seconds));
  const parts = [[Math.floor(left / 3600), "h"], [Math.floor((left % 3600) / 60), "m"], [left % 60, "s"]];
  const told = parts.filter(([value]) => value > 0).map(([value, unit]) => value + unit).join("");
  return (seconds < 0 ? "−" : "+") + (told || "0s");
}

export function waitsForALook(photo) {
  return photo.rung !== null && !OWN.has(photo.rung) && !photo.is_confirmed && !photo.verdict && !photo.waiting;
}

export function status(photo) {
  if (photo.waiting) return `${ACTIONS[photo.waiting.action]}, not written yet`;
  if (photo.verdict === "rejected") return "rejected";
  if (photo.verdict === "aside") return "set aside";
  if (photo.is_confirmed) return "confirmed";
  if (photo.rung === null) return photo.error ? "cannot be read" : "no place";
  if (OWN.has(photo.rung)) return KINDS[photo.rung];
  return `${percent(photo.confidence)} within ${length(photo.radius_km)}`;
}

export function circle(photo) {
  if (photo.waiting?.action === "move") return { ...photo.waiting, rung: "manual", confidence: 1 };
  return photo.latitude === null ? null : photo;
}
