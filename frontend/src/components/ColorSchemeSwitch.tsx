// Light, dark, or as the system has it.
import { ActionIcon, Tooltip, useMantineColorScheme, type MantineColorScheme } from '@mantine/core'
import { Monitor, Moon, Sun } from 'lucide-react'

const NEXT: Record<MantineColorScheme, MantineColorScheme> = {
  auto: 'light',
  light: 'dark',
  dark: 'auto',
}
const LABEL: Record<MantineColorScheme, string> = {
  auto: 'Colours: as the system',
  light: 'Colours: light',
  dark: 'Colours: dark',
}
const ICON = { auto: Monitor, light: Sun, dark: Moon }

export function ColorSchemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const Icon = ICON[colorScheme]
  return (
    <Tooltip label={LABEL[colorScheme]}>
      <ActionIcon
        variant="subtle"
        color="gray"
        size="lg"
        aria-label={`${LABEL[colorScheme]}. Change`}
        onClick={() => {
          setColorScheme(NEXT[colorScheme])
        }}
      >
        <Icon size={18} />
      </ActionIcon>
    </Tooltip>
  )
}
