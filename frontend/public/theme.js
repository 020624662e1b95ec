// Sets the theme before the first paint. A file of its own, because the Content-Security-Policy allows no inline script.
(function () {
  var choice = null
  try {
    choice = localStorage.getItem('mlsys.theme')
  } catch {
    // Storage may be forbidden; the system's theme is the default then.
  }
  if (choice !== 'light' && choice !== 'dark') {
    choice = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
  }
  document.documentElement.dataset.theme = choice
})()
