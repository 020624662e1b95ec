import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// jsdom has no media queries, modal dialogs or scrolling; the tests need no more of them than this.
window.matchMedia ??= (query) => Object.assign(new EventTarget(), { matches: false, media: query, onchange: null, addListener: () => undefined, removeListener: () => undefined }) as MediaQueryList
window.scrollTo = () => undefined
Element.prototype.scrollIntoView = () => undefined
HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
  this.open = true
}
HTMLDialogElement.prototype.close ??= function (this: HTMLDialogElement) {
  this.open = false
  this.dispatchEvent(new Event('close'))
}

// Pages are loaded when they are opened, and long ones take their time on a busy machine; nothing here measures speed.
configure({ asyncUtilTimeout: 30_000 })

afterEach(cleanup)
