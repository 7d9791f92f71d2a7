// Shows what arrives while the page is open. Without it, "Refresh" does the same.
"use strict";

const EVERY = 2000; // milliseconds

async function look() {
  if (document.hidden) return;
  const counts = await (await fetch("/api/counts")).json();
  const { emails, texts } = document.body.dataset;
  if (String(counts.emails) === emails && String(counts.texts) === texts) return;
  const answer = await fetch(location.href);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const replaced = ["standing", "inbox", "phone"].filter((id) => replace(id, fresh));
  document.getElementById("news").textContent =
    replaced.length < 3 ? "More has arrived." : "";
  if (replaced.length === 3) Object.assign(document.body.dataset, fresh.body.dataset);
}

// A part someone is in, with the keyboard or a selection, stays as it is.
function replace(id, fresh) {
  const old = document.getElementById(id);
  const selection = document.getSelection();
  const selected = !selection.isCollapsed && selection.containsNode(old, true);
  if (selected || old.contains(document.activeElement)) return false;
  old.replaceWith(document.adoptNode(fresh.getElementById(id)));
  return true;
}

setInterval(() => look().catch(() => {}), EVERY);
