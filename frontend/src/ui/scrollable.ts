/** For `ref`: lets the keyboard reach, and so scroll, what is wider than its place. */
export function scrollable(element: HTMLElement | null): void {
  if (element && element.scrollWidth > element.clientWidth) element.tabIndex = 0
}
