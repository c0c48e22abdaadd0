// The frame around every page: navigation, colour scheme, log out, and the workers below.
import { AppShell, Container, Group, Text } from '@mantine/core'
import { Link, Outlet } from '@tanstack/react-router'

import { AccountMenu } from './AccountMenu'
import { ColorSchemeSwitch } from './ColorSchemeSwitch'
import { Logo } from './Logo'
import { WorkersBar } from './WorkersBar'

const WIDTH = 1240

export function Layout() {
  return (
    <AppShell header={{ height: 56 }} padding={0}>
      <a href="#main" className="skip-link">
        Skip to the content
      </a>
      <AppShell.Header>
        <Container size={WIDTH} h="100%" px={{ base: 'sm', sm: 'md' }}>
          <Group h="100%" justify="space-between" wrap="nowrap" gap="xs">
            <Group gap="md" wrap="nowrap">
              <Link to="/jobs" className="link" aria-label="Trainyard, to the jobs">
                <Group gap={8} wrap="nowrap">
                  <Logo />
                  <Text fw={700} visibleFrom="xs">
                    Trainyard
                  </Text>
                </Group>
              </Link>
              <nav aria-label="Main" style={{ display: 'flex', gap: 4 }}>
                <Link to="/jobs" className="nav-link">
                  Jobs
                </Link>
                <Link to="/datasets" className="nav-link">
                  Datasets
                </Link>
              </nav>
            </Group>
            <Group gap="xs" wrap="nowrap">
              <ColorSchemeSwitch />
              <AccountMenu />
            </Group>
          </Group>
        </Container>
      </AppShell.Header>
      <AppShell.Main id="main" tabIndex={-1} style={{ outline: 'none' }}>
        <Container size={WIDTH} py={{ base: 'md', sm: 'xl' }} px={{ base: 'sm', sm: 'md' }}>
          <Outlet />
          <WorkersBar />
        </Container>
      </AppShell.Main>
    </AppShell>
  )
}
