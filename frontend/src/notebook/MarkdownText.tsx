import { marked } from 'marked'
import { useMemo } from 'react'
import HtmlOutput from './HtmlOutput'

/** Markdown as HTML, which then is treated like any other HTML of the notebook. */
export default function MarkdownText({ source }: { source: string }) {
  const html = useMemo(() => marked.parse(source, { async: false, gfm: true }), [source])
  return <HtmlOutput html={html} plain={source} />
}
