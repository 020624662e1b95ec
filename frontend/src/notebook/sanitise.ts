import DOMPurify from 'dompurify'

const TAGS =
  'a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ' +
  'ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead time tr u ul var'

const ATTRIBUTES = 'href src alt title colspan rowspan scope start open width height'

/** Attributes that hold no address, so that their values need not look like one. */
const PLAIN = ['colspan', 'rowspan', 'scope', 'start', 'open', 'width', 'height']

const PICTURE = /^data:image\/(?:png|jpeg|gif|webp|svg\+xml);base64,[a-z0-9+/=\s]*$/i
const LINK = /^(?:https?|mailto):/i

// An instance of its own: its hooks bind nobody else.
const purify = DOMPurify(window)

purify.addHook('uponSanitizeAttribute', (node, attribute) => {
  const { attrName, attrValue } = attribute
  if (attrName === 'src') attribute.keepAttr = node.nodeName === 'IMG' && PICTURE.test(attrValue)
  if (attrName === 'href') attribute.keepAttr = node.nodeName === 'A' && LINK.test(attrValue.trim())
  if ((attrName === 'width' || attrName === 'height') && !/^\d{1,4}$/.test(attrValue)) attribute.keepAttr = false
})

purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.nodeName !== 'A' || !node.hasAttribute('href')) return
  node.setAttribute('target', '_blank')
  node.setAttribute('rel', 'noopener noreferrer nofollow')
})

const NOISY_ATTRIBUTE = /[\s/](?:style|on[a-z]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>"']*)/gi

const BASE = /<base[\s/>][^>]*>?/gi

/**
 * Without styles, which pandas writes into every table, handlers, and other bases for links: browsers report each as a violation of
 * the page's policy, although nothing of it would take effect. This is for a quiet console alone; what is safe is decided after parsing.
 */
export function withoutNoise(html: string): string {
  const lower = html.toLowerCase()
  let kept = ''
  let at = 0
  for (let start = lower.indexOf('<style'); start !== -1; start = lower.indexOf('<style', at)) {
    kept += html.slice(at, start)
    const end = lower.indexOf('</style', start)
    const close = end === -1 ? -1 : lower.indexOf('>', end)
    at = close === -1 ? html.length : close + 1
  }
  return (kept + html.slice(at)).replace(BASE, '').replace(/<[a-z][^<>]*>/gi, (tag) => tag.replace(NOISY_ATTRIBUTE, ' '))
}

/**
 * What is harmless of someone else's HTML, as nodes: nothing in it runs, styles the page, sends a form or loads anything. Nodes and not
 * text, because text would be parsed a second time, and could mean something else then.
 */
export function sanitise(html: string): DocumentFragment {
  return purify.sanitize(withoutNoise(html), {
    ALLOWED_TAGS: TAGS.split(' '),
    ALLOWED_ATTR: ATTRIBUTES.split(' '),
    ADD_URI_SAFE_ATTR: PLAIN,
    ALLOW_ARIA_ATTR: false,
    ALLOW_DATA_ATTR: false,
    ALLOWED_URI_REGEXP: LINK,
    // What these hold is no text for readers.
    FORBID_CONTENTS: [
      'style',
      'script',
      'iframe',
      'object',
      'embed',
      'svg',
      'math',
      'template',
      'noscript',
      'noembed',
      'noframes',
      'xmp',
      'plaintext',
      'title',
      'head',
      'select',
      'textarea',
      'audio',
      'video',
    ],
    KEEP_CONTENT: true,
    RETURN_DOM_FRAGMENT: true,
  })
}

/** Whether there is anything to see. */
export function isBlank(fragment: DocumentFragment): boolean {
  return fragment.textContent?.trim() === '' && !fragment.querySelector('img[src], hr')
}
