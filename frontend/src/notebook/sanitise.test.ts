import { describe, expect, it } from 'vitest'
import { isBlank, sanitise, withoutNoise } from './sanitise'

function clean(html: string): HTMLDivElement {
  const box = document.createElement('div')
  box.append(sanitise(html))
  return box
}

const hostile: Record<string, string> = {
  script: '<script>alert(1)</script>',
  'nested script': '<scr<script>ipt>alert(1)</scr</script>ipt>',
  'error handler': '<img src=x onerror=alert(1)>',
  'handler without blanks': '<img/src="x"/onerror=alert(1)>',
  'javascript link': '<a href="javascript:alert(1)">x</a>',
  'encoded javascript link': '<a href="&#106;avascript&colon;alert(1)">x</a>',
  'broken javascript link': '<a href="java\nscript:alert(1)">x</a>',
  'control characters before': '<a href="\u0001javascript:alert(1)">x</a>',
  'upper case and tabs': '<a href="JaVa\tScRiPt:alert(1)">x</a>',
  'vbscript link': '<a href="vbscript:msgbox(1)">x</a>',
  'data link': '<a href="data:text/html,<script>alert(1)</script>">x</a>',
  iframe: '<iframe src="https://evil.test"></iframe>',
  srcdoc: '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
  object: '<object data="https://evil.test/x.swf"></object><embed src="https://evil.test">',
  'svg script': '<svg><script>alert(1)</script></svg>',
  'svg handler': '<svg onload=alert(1)><animate onbegin=alert(1) attributeName=x></svg>',
  'svg use': '<svg><use href="https://evil.test/x.svg#a"/></svg>',
  'svg in foreign content': '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">',
  mathml: '<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>',
  'css address': '<div style="background:url(https://evil.test/x.png)">x</div>',
  'css element': '<style>@import url(https://evil.test/x.css); body{display:none}</style>',
  'css link': '<link rel="stylesheet" href="https://evil.test/x.css">',
  'meta refresh': '<meta http-equiv="refresh" content="0;url=https://evil.test">',
  base: '<base href="https://evil.test/">',
  form: '<form action="https://evil.test"><input name=x autofocus onfocus=alert(1)><button formaction="javascript:alert(1)">x</button></form>',
  'remote image': '<img src="https://evil.test/pixel.png">',
  'remote image by protocol': '<img src="//evil.test/pixel.png">',
  'image set': '<img srcset="https://evil.test/a.png 1x"><picture><source srcset="https://evil.test/b.png"></picture>',
  'lazy attributes': '<table background="https://evil.test/x.png"><td background="https://evil.test/y.png"></table>',
  media: '<video src="https://evil.test/v.mp4" poster="https://evil.test/p.png" autoplay></video><audio src="https://evil.test/a.mp3"></audio>',
  'html image': '<img src="data:text/html;base64,PHNjcmlwdD4=">',
  clobbering: '<a id="documentElement"></a><img name="body"><form id="location"></form>',
  template: '<template><img src=x onerror=alert(1)></template>',
  noscript: '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
  comment: '<!--><img src=x onerror=alert(1)>-->',
  'custom element': '<x-evil onclick=alert(1)>x</x-evil>',
  details: '<details open ontoggle=alert(1)>x</details>',
  ping: '<a href="https://ok.test" ping="https://evil.test">x</a>',
}

describe('sanitise', () => {
  it.each(Object.entries(hostile))('makes harmless: %s', (_, html) => {
    const box = clean(html)
    expect(box.querySelector('script,style,iframe,object,embed,form,input,button,link,meta,base,svg,math,video,audio,source,picture,template')).toBeNull()
    for (const element of box.querySelectorAll('*')) {
      for (const { name, value } of element.attributes) {
        expect(name).toMatch(/^(href|src|alt|title|colspan|rowspan|scope|start|open|width|height|rel|target)$/)
        if (name === 'href') expect(value).toMatch(/^(https?|mailto):/)
        if (name === 'src') expect(value).toMatch(/^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,/)
      }
    }
    expect(box.innerHTML).not.toContain('evil.test')
  })

  it('keeps tables as text and structure, without their styles', () => {
    const box = clean('<div><style scoped>.dataframe {}</style><table border="1" class="dataframe" style="x:y"><tr><th colspan="2">A</th></tr></table></div>')
    expect(box.innerHTML).toBe('<div><table><tbody><tr><th colspan="2">A</th></tr></tbody></table></div>')
  })

  it('lets links leave without a trace', () => {
    const link = clean('<a href="https://ok.test/a" target="_self" rel="opener">x</a>').querySelector('a')
    expect(link?.getAttribute('rel')).toBe('noopener noreferrer nofollow')
    expect(link?.getAttribute('target')).toBe('_blank')
    expect(clean('<a href="/api/pipelines">x</a>').querySelector('a')?.hasAttribute('href')).toBe(false)
  })

  it('keeps pictures that are part of the notebook', () => {
    expect(clean('<img src="data:image/png;base64,iVBORw0KGgo=" alt="plot" width="10" height="1e9">').innerHTML).toBe('<img src="data:image/png;base64,iVBORw0KGgo=" alt="plot" width="10">')
  })

  it('tells when nothing is left', () => {
    expect(isBlank(sanitise('<div id="plot"></div><script>draw()</script>'))).toBe(true)
    expect(isBlank(sanitise('<p>x</p>'))).toBe(false)
  })
})

describe('withoutNoise', () => {
  it('leaves text alone', () => {
    expect(withoutNoise('<p style="a:b" title="x">style="c"</p><STYLE>x</STYLE >y')).toBe('<p  title="x">style="c"</p>y')
    expect(withoutNoise('a<style>b')).toBe('a')
    expect(withoutNoise('a<base href="//x/">b<basefont>c<BASE/>d')).toBe('ab<basefont>cd')
  })

  it('takes time in proportion to the length of hostile text', () => {
    for (const piece of ['<style', '<base ', '<a', '<a style="', "<a style='", ' style=', '<']) {
      const started = performance.now()
      withoutNoise(piece.repeat(500_000 / piece.length))
      expect(performance.now() - started).toBeLessThan(1_500)
    }
  })
})
