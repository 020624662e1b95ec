import { afterEach, describe, expect, it, vi } from 'vitest'
import { isTyping, Keyboard } from './keyboard'

function press(keyboard: Keyboard, key: string, options: KeyboardEventInit & { target?: HTMLElement; at?: number } = {}): boolean {
  const event = new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true, ...options })
  if (options.at !== undefined) Object.defineProperty(event, 'timeStamp', { value: options.at })
  const target = options.target ?? document.body
  target.addEventListener('keydown', keyboard.handle, { once: true })
  target.dispatchEvent(event)
  target.removeEventListener('keydown', keyboard.handle)
  return event.defaultPrevented
}

afterEach(() => document.body.replaceChildren())

describe('Keyboard', () => {
  it('runs single keys and sequences', () => {
    const keyboard = new Keyboard()
    const [single, sequence] = [vi.fn(), vi.fn()]
    keyboard.add([
      { keys: 't', does: '', run: single },
      { keys: 'g p', does: '', run: sequence },
    ])
    expect(press(keyboard, 't')).toBe(true)
    press(keyboard, 'g')
    press(keyboard, 'p')
    press(keyboard, 'p')
    expect([single.mock.calls.length, sequence.mock.calls.length]).toEqual([1, 1])
  })

  it('forgets the first key after a while', () => {
    const keyboard = new Keyboard()
    const run = vi.fn()
    keyboard.add([{ keys: 'g p', does: '', run }])
    press(keyboard, 'g', { at: 1_000 })
    press(keyboard, 'p', { at: 3_000 })
    expect(run).not.toHaveBeenCalled()
  })

  it('lets the newest binding go first, and the older return', () => {
    const keyboard = new Keyboard()
    const [old, newer] = [vi.fn(), vi.fn()]
    keyboard.add([{ keys: 'j', does: '', run: old }])
    const remove = keyboard.add([{ keys: 'j', does: '', run: newer }])
    press(keyboard, 'j')
    remove()
    press(keyboard, 'j')
    expect([old.mock.calls.length, newer.mock.calls.length]).toEqual([1, 1])
  })

  it('leaves fields, shortcuts of the browser and dialogs alone', () => {
    const keyboard = new Keyboard()
    const run = vi.fn()
    keyboard.add([{ keys: 'f', does: '', run }])
    const field = document.createElement('input')
    const area = document.createElement('textarea')
    document.body.append(field, area)
    press(keyboard, 'f', { target: field })
    press(keyboard, 'f', { target: area })
    press(keyboard, 'f', { ctrlKey: true })
    press(keyboard, 'f', { metaKey: true })
    const dialog = document.createElement('dialog')
    dialog.setAttribute('open', '')
    document.body.append(dialog)
    press(keyboard, 'f')
    expect(run).not.toHaveBeenCalled()
  })

  it('knows what is typed in', () => {
    const box = document.createElement('input')
    box.type = 'checkbox'
    expect(isTyping(box)).toBe(false)
    expect(isTyping(document.createElement('select'))).toBe(true)
    expect(isTyping(null)).toBe(false)
  })
})
