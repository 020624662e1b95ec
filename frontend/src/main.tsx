import { QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createBrowserRouter } from 'react-router'
import { RouterProvider } from 'react-router/dom'
import { createQueryClient } from './api/polling'
import { routes } from './routes'
import './styles/app.css'
import { followSystemTheme } from './ui/theme'

async function start(): Promise<void> {
  if (import.meta.env.MODE === 'mock') {
    const { installMock } = await import('./mock')
    installMock()
  }
  followSystemTheme()
  const root = document.getElementById('root')
  if (!root) return
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={createQueryClient()}>
        <RouterProvider router={createBrowserRouter(routes)} />
      </QueryClientProvider>
    </StrictMode>,
  )
}

void start()
