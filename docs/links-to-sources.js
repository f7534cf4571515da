// The book has its chapters and no sources: there, a link to a folder or file is its name alone.
for (const link of document.querySelectorAll('main a[href^="../"]')) {
  link.replaceWith(...link.childNodes);
}
