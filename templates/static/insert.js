// Turns the words of the list into buttons that put them where the cursor is in the source. Nothing else.
const source = document.getElementById("id_source");
source.setSelectionRange(source.value.length, source.value.length);
document.querySelectorAll("[data-insert]").forEach((word) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "placeholder";
  button.textContent = word.textContent;
  button.addEventListener("click", () => {
    source.setRangeText(word.dataset.insert, source.selectionStart, source.selectionEnd, "end");
    source.dispatchEvent(new Event("input", { bubbles: true }));
    source.focus();
  });
  word.replaceWith(button);
});
