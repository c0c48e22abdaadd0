// The look: colours, radii and sizes that all of Mantine's components share.
import { createTheme, type CSSVariablesResolver } from '@mantine/core'

const SYSTEM_FONTS =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif'
const MONO_FONTS =
  'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace'

export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: { light: 7, dark: 5 },
  autoContrast: true,
  defaultRadius: 'md',
  fontFamily: SYSTEM_FONTS,
  fontFamilyMonospace: MONO_FONTS,
  headings: { fontFamily: SYSTEM_FONTS, fontWeight: '650' },
  cursorType: 'pointer',
  respectReducedMotion: true,
  components: {
    Card: { defaultProps: { withBorder: true, radius: 'lg', padding: 'lg' } },
    Tooltip: { defaultProps: { openDelay: 300 } },
  },
})

/**
 * Our own colours beside Mantine's, by scheme.
 *
 * Dimmed text is a little stronger than Mantine's own, to reach a contrast of 4.5 to 1.
 */
export const cssVariables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    '--mantine-color-body': '#f7f8fa',
    '--mantine-color-dimmed': '#5b6472',
    '--card-background': '#ffffff',
    '--sunken-background': '#fbfbfd',
    '--picture-background': '#eceef2',
    '--active-line': '#8080800f',
    '--selection': '#bac8ff',
    '--syntax-name': '#364fc7',
    '--syntax-string': '#2b7a3d',
    '--syntax-number': '#b34700',
    '--syntax-word': '#862e9c',
  },
  dark: {
    '--mantine-color-body': '#14161a',
    '--mantine-color-dimmed': '#a0a7b4',
    '--card-background': '#1c1f25',
    '--sunken-background': '#101216',
    '--picture-background': '#0d0f12',
    '--active-line': '#ffffff0a',
    '--selection': '#364fc7',
    '--syntax-name': '#91a7ff',
    '--syntax-string': '#8ce99a',
    '--syntax-number': '#ffc078',
    '--syntax-word': '#e599f7',
  },
})
