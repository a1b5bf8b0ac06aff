// Before the first paint, so that a page never flashes in the wrong colours.
try {
  const theme = localStorage.getItem("theme");
  if (["light", "dark", "contrast"].includes(theme)) document.documentElement.dataset.theme = theme;
} catch {
  // Without storage the system's choice holds.
}
