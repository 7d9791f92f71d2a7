// On a phone a row of tabs is wider than the window: brings the one that is open into view. Nothing else.
document.querySelectorAll("nav > [aria-current]").forEach((here) => {
  const row = here.parentElement;
  row.scrollLeft = here.offsetLeft - row.offsetLeft - (row.clientWidth - here.offsetWidth) / 2;
});
