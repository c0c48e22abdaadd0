// The trained model as files.
import { Button, Group, Menu } from '@mantine/core'
import { ChevronDown, Download } from 'lucide-react'

import { modelUrl } from '../api/jobs'

// What the built-in formats are; a plugin's stands by its name.
const LABELS: Record<string, string> = {
  bundle: 'Bundle: weights, ONNX, spec, labels, metrics',
  onnx: 'ONNX, takes raw pictures',
  safetensors: 'Weights as safetensors',
}

export function Downloads({ jobId, formats }: { jobId: string; formats: string[] }) {
  const [first] = formats
  if (first === undefined) return null
  return (
    <Group gap={1} wrap="nowrap">
      <Button
        component="a"
        href={modelUrl(jobId, first)}
        download
        size="sm"
        leftSection={<Download size={16} />}
        style={{ borderStartEndRadius: 0, borderEndEndRadius: 0 }}
      >
        Download model
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            size="sm"
            px={8}
            aria-label="Other formats"
            style={{ borderStartStartRadius: 0, borderEndStartRadius: 0 }}
          >
            <ChevronDown size={16} />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {formats.map((format) => (
            <Menu.Item key={format} component="a" href={modelUrl(jobId, format)} download>
              {LABELS[format] ?? `As ${format}`}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Group>
  )
}
