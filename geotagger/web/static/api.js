// Questions to the server behind the address of this page. Paths are relative, so the token goes along by itself.

export class Refused extends Error {}

async function answered(response) {
  let told;
  try {
    told = await response.json();
  } catch {
    throw new Refused(`the answer cannot be read (${response.status})`);
  }
  if (!response.ok) throw new Refused(told.error ?? `refused (${response.status})`);
  return told;
}

async function reached(path, how) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "omit", ...how });
  } catch {
    throw new Refused("geotagger review has ended, or its archive is busy; start it again and reload this page");
  }
}

export async function ask(path, query = {}) {
  const text = new URLSearchParams(query).toString();
  return answered(await reached(text ? `${path}?${text}` : path, {}));
}

export async function order(path, told = {}) {
  const how = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(told) };
  return answered(await reached(path, how));
}
