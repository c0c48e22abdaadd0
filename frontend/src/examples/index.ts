// The specs that a new job can start from: those of the repository's `examples/`, and small ones
// beside this file. The page fills in `dataset`.

export interface Example {
  id: string
  label: string
  /** JSON text, as the editor shows it. */
  text: string
}

const files = {
  ...import.meta.glob<string>('../../../examples/*.json', {
    query: '?raw',
    import: 'default',
    eager: true,
  }),
  ...import.meta.glob<string>('./*.json', { query: '?raw', import: 'default', eager: true }),
}

export const EXAMPLES: readonly Example[] = Object.entries(files).map(([path, text]) => {
  const id = path.replace(/^.*\//, '').replace(/\.json$/, '')
  return { id, label: id.replaceAll(/[-_]/g, ' '), text }
})
