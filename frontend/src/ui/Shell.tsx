import { useEffect, useState } from 'react'
import { NavLink, Outlet, ScrollRestoration, useLocation, useNavigate, useNavigation } from 'react-router'
import { SIGNED_OUT } from '../api/problem'
import { Button } from './Button'
import { cx } from './cx'
import { Icon, type IconName } from './Icon'
import { HelpDialog } from './keyboard/HelpDialog'
import { focusSearch, useShortcuts } from './keyboard/hooks'
import { keyboard } from './keyboard/keyboard'
import { Toaster } from './Toaster'
import { toggleTheme, useTheme } from './theme'

const places: readonly { to: string; name: string; key: string; icon: IconName }[] = [
  { to: '/', name: 'Dashboard', key: 'd', icon: 'dashboard' },
  { to: '/pipelines', name: 'Pipelines', key: 'p', icon: 'pipelines' },
  { to: '/models', name: 'Models', key: 'm', icon: 'models' },
  { to: '/registry', name: 'Registry', key: 'e', icon: 'registry' },
  { to: '/tables', name: 'Tables', key: 't', icon: 'tables' },
  { to: '/batch-predictions', name: 'Batch predictions', key: 'b', icon: 'batches' },
  { to: '/schedules', name: 'Schedules', key: 'c', icon: 'schedules' },
  { to: '/repositories', name: 'Repositories', key: 'r', icon: 'repositories' },
  { to: '/settings', name: 'Settings', key: 's', icon: 'settings' },
]

function Navigation({ open }: { open: boolean }) {
  return (
    <nav
      id="navigation"
      aria-label="Main"
      className={cx('gap-0.5 lg:static lg:flex lg:flex-row lg:border-0 lg:p-0', open ? 'absolute inset-x-0 top-full flex flex-col border-b border-line bg-surface p-2 shadow-lg' : 'hidden')}
    >
      {places.map((place) => (
        <NavLink
          key={place.to}
          to={place.to}
          end={place.to === '/'}
          className={({ isActive }) =>
            cx(
              'flex items-center gap-1.5 rounded-md px-2.5 py-1.5 font-medium whitespace-nowrap max-lg:py-2.5 lg:max-xl:px-2',
              isActive ? 'bg-accent-tint text-accent' : 'text-muted hover:bg-raised hover:text-ink',
            )
          }
        >
          {/* The names alone have room on narrower screens. */}
          <Icon name={place.icon} className="size-4 lg:max-xl:hidden" />
          {place.name}
        </NavLink>
      ))}
    </nav>
  )
}

/** What surrounds every page: navigation, keyboard, toasts. */
export function Shell() {
  const [help, setHelp] = useState(false)
  const [menu, setMenu] = useState(false)
  const { shown } = useTheme()
  const navigate = useNavigate()
  const { pathname, search } = useLocation()
  const loading = useNavigation().state === 'loading'

  useShortcuts([
    { keys: '/', does: 'Search', run: focusSearch },
    ...places.map((place) => ({ keys: `g ${place.key}`, does: `Go to ${place.name}`, run: () => void navigate(place.to) })),
    { keys: 't', does: 'Light or dark', run: toggleTheme },
    { keys: '?', does: 'This list', run: () => setHelp(true) },
  ])
  useEffect(() => {
    document.addEventListener('keydown', keyboard.handle)
    return () => document.removeEventListener('keydown', keyboard.handle)
  }, [])
  useEffect(() => {
    const leave = () => void navigate(`/sign-in?next=${encodeURIComponent(pathname + search)}`, { replace: true })
    window.addEventListener(SIGNED_OUT, leave)
    return () => window.removeEventListener(SIGNED_OUT, leave)
  }, [navigate, pathname, search])
  useEffect(() => setMenu(false), [pathname])
  useEffect(() => {
    if (!menu) return
    const close = (event: KeyboardEvent) => event.key === 'Escape' && setMenu(false)
    document.addEventListener('keydown', close)
    return () => document.removeEventListener('keydown', close)
  }, [menu])

  return (
    <>
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-accent focus:px-3 focus:py-1.5 focus:text-accent-ink">
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 border-b border-line bg-surface">
        <div className="relative mx-auto flex h-12 max-w-[120rem] items-center gap-4 px-4">
          <NavLink to="/" className="flex items-center gap-2 font-semibold" aria-label="mlsys, dashboard">
            <img src="/favicon.svg" alt="" width="22" height="22" />
            mlsys
          </NavLink>
          <Navigation open={menu} />
          <div className="ml-auto flex items-center gap-1">
            <Button look="quiet" icon={shown === 'dark' ? 'sun' : 'moon'} aria-label={shown === 'dark' ? 'Use the light theme' : 'Use the dark theme'} onClick={toggleTheme} />
            <Button look="quiet" aria-label="Keyboard" aria-keyshortcuts="?" title="Keyboard (?)" onClick={() => setHelp(true)}>
              <span aria-hidden="true">?</span>
            </Button>
            <Button look="quiet" icon="menu" className="lg:hidden" aria-label="Menu" aria-expanded={menu} aria-controls="navigation" onClick={() => setMenu(!menu)} />
          </div>
        </div>
        <div aria-hidden="true" className={cx('absolute bottom-0 h-0.5 bg-accent transition-[width,opacity]', loading ? 'w-2/3 opacity-100 duration-1000' : 'w-0 opacity-0')} />
      </header>
      <main id="main" tabIndex={-1} className="outline-none">
        <Outlet />
      </main>
      <HelpDialog open={help} onClose={() => setHelp(false)} />
      <Toaster />
      <ScrollRestoration getKey={(location) => location.pathname} />
    </>
  )
}
