// The JSON editor: CodeMirror with the mistakes of the spec marked where they stand.
import { json } from '@codemirror/lang-json'
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import { lintGutter, setDiagnostics, type Diagnostic } from '@codemirror/lint'
import { EditorState } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'
import { basicSetup } from 'codemirror'
import { useEffect, useRef, type RefObject } from 'react'

import type { Diagnosis } from '../lib/diagnose'

interface SpecEditorProps {
  text: string
  diagnoses: readonly Diagnosis[]
  onChange: (text: string) => void
  /** Filled with the view, so that a list of mistakes can jump to a line. */
  viewRef: RefObject<EditorView | null>
}

export function SpecEditor({ text, diagnoses, onChange, viewRef }: SpecEditorProps) {
  const holder = useRef<HTMLDivElement>(null)
  const change = useRef(onChange)

  useEffect(() => {
    change.current = onChange
  }, [onChange])

  useEffect(() => {
    if (!holder.current) return
    const view = new EditorView({
      parent: holder.current,
      state: EditorState.create({
        extensions: [...EXTENSIONS, EditorView.updateListener.of((update) => {
          if (update.docChanged) change.current(update.state.doc.toString())
        })],
      }),
    })
    viewRef.current = view
    return () => {
      view.destroy()
      viewRef.current = null
    }
  }, [viewRef])

  useEffect(() => {
    const view = viewRef.current
    if (!view || view.state.doc.toString() === text) return
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } })
  }, [text, viewRef])

  useEffect(() => {
    const view = viewRef.current
    if (!view) return
    const length = view.state.doc.length
    view.dispatch(setDiagnostics(view.state, diagnoses.map((one) => diagnostic(one, length))))
  }, [diagnoses, viewRef])

  return <div className="editor" ref={holder} />
}

/** Put the cursor on a mistake and bring it into sight. */
export function jumpTo(view: EditorView | null, { from }: Diagnosis): void {
  if (!view) return
  const anchor = Math.min(from, view.state.doc.length)
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
  view.focus()
}

function diagnostic({ from, to, message }: Diagnosis, length: number): Diagnostic {
  const end = Math.min(to, length)
  return { from: Math.min(from, end), to: end, message, severity: 'error' }
}

const HIGHLIGHT = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--syntax-name)' },
  { tag: tags.string, color: 'var(--syntax-string)' },
  { tag: tags.number, color: 'var(--syntax-number)' },
  { tag: [tags.bool, tags.null], color: 'var(--syntax-word)' },
])

const THEME = EditorView.theme({
  '&': { color: 'var(--mantine-color-text)', backgroundColor: 'transparent' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': {
    backgroundColor: 'transparent',
    color: 'var(--mantine-color-dimmed)',
    border: 'none',
  },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--active-line)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground':
    { backgroundColor: 'var(--selection) !important' },
  '.cm-tooltip, .cm-panels': {
    backgroundColor: 'var(--card-background)',
    color: 'var(--mantine-color-text)',
    border: '1px solid var(--mantine-color-default-border)',
  },
})

const EXTENSIONS = [
  basicSetup,
  json(),
  lintGutter(),
  syntaxHighlighting(HIGHLIGHT),
  THEME,
  EditorView.lineWrapping,
  // Tab stays with the page: a keyboard user must be able to leave the editor.
  EditorView.contentAttributes.of({ 'aria-label': 'Job spec as JSON' }),
]
