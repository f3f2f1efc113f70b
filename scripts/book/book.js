// What the pages of the book do in a browser. Every page asks for this file, and Debian's mdbook comes
// without its own. What that one adds and this one lacks is the choice of a theme: the reader's system
// says whether pages are light or dark.
document.getElementById('theme-toggle').hidden = true;

// The style of code on light pages, on dark ones, and one of a theme that cannot be chosen.
const isLight = document.documentElement.classList.contains('light');
document.getElementById('highlight-css').disabled = !isLight;
document.getElementById('tomorrow-night-css').disabled = isLight;
document.getElementById('ayu-highlight-css').disabled = true;

for (const block of document.querySelectorAll('pre code[class^="language-"]')) {
  hljs.highlightBlock(block);
}
