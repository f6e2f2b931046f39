// No token is ever here. A header that no other site can send goes with every call.
"use strict";

const OWN = { "X-Counterfoil-BFF": "1" };
const PROBLEMS = {
  access_denied: "You did not allow it.",
  not_begun_here: "That sign-in did not begin in this browser, or it took too long. Try again.",
  server_unreachable: "The sign-in server cannot be reached.",
};
const find = (id) => document.getElementById(id);

async function call(path, options = {}) {
  const headers = { ...OWN, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  const said = await answer.json();
  if (answer.status === 401) showSignedOut("You are signed out.");
  return { ok: answer.ok, said };
}

function showSignedOut(problem) {
  find("signed-in").hidden = true;
  find("signed-out-here").hidden = true;
  find("signed-out").hidden = false;
  find("problem").textContent = problem;
}

async function showNotes() {
  const { ok, said } = await call("/api/notes");
  if (!ok) {
    if (said.error !== "signed_out") find("problem").textContent = said.error_description;
    return;
  }
  find("notes").replaceChildren(...said.notes.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  find("signed-out").hidden = true;
  find("signed-in").hidden = false;
  find("problem").textContent = "";
}

async function write(event) {
  event.preventDefault();
  const body = JSON.stringify({ text: find("text").value });
  const headers = { "Content-Type": "application/json" };
  const { ok } = await call("/api/notes", { method: "POST", headers, body });
  if (!ok) return;
  find("text").value = "";
  await showNotes();
}

async function signOut() {
  const { ok, said } = await call("/bff/sign-out", { method: "POST" });
  showSignedOut(ok ? "" : said.error_description);
  if (!ok) return;
  // The server may still know the person: whoever sits here next would be signed in by a click.
  find("sign-out-there").href = said.location;
  find("signed-out-here").hidden = false;
}

async function start() {
  const asked = new URLSearchParams(location.search).get("sign_in_error");
  if (asked) history.replaceState(null, "", location.pathname); // a reload says it no more
  find("sign-in").href = "/bff/sign-in?return_to=" + encodeURIComponent(location.pathname);
  find("write").addEventListener("submit", write);
  find("sign-out").addEventListener("click", signOut);
  const answer = await fetch("/bff/session", { headers: OWN });
  const said = await answer.json();
  if (said.signed_in) {
    find("name").textContent = said.name || said.email || said.sub;
    await showNotes();
  } else if (said.silent) {
    // Somebody was signed in here before: the server may still know them, and is asked once.
    location.replace("/bff/sign-in?silent=1&return_to=" + encodeURIComponent(location.pathname));
  } else {
    showSignedOut(asked ? PROBLEMS[asked] || "The sign-in did not work." : "");
  }
}

start();
