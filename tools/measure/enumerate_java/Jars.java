import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;

import org.objectweb.asm.ClassReader;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.tree.ClassNode;
import org.objectweb.asm.tree.MethodNode;

/** Keycloak's own classes as byte code, who extends whom, and the services that the jars register. */
final class Jars {

    final Map<String, ClassNode> index = new HashMap<>();
    final Map<String, Set<String>> services = new TreeMap<>();
    private final Map<String, Set<String>> subtypes = new HashMap<>();

    Jars(Path folder) throws IOException {
        readJars(folder);
    }

    private void readJars(Path folder) throws IOException {
        try (var files = Files.newDirectoryStream(folder, "org.keycloak.*.jar")) {
            for (Path file : files) {
                try (JarFile jar = new JarFile(file.toFile())) {
                    for (JarEntry entry : Collections.list(jar.entries())) {
                        read(jar, entry);
                    }
                }
            }
        }
        index.values().forEach(this::noteSupertypes);
    }

    private void read(JarFile jar, JarEntry entry) throws IOException {
        String name = entry.getName();
        if (name.endsWith(".class") && !name.contains("META-INF") && !name.endsWith("module-info.class")) {
            ClassNode node = new ClassNode();
            try (var stream = jar.getInputStream(entry)) {
                new ClassReader(stream).accept(node, ClassReader.SKIP_DEBUG);
            }
            index.put(node.name, node);
        } else if (name.startsWith("META-INF/services/") && !entry.isDirectory()) {
            try (var stream = jar.getInputStream(entry)) {
                Set<String> names = services.computeIfAbsent(name.substring("META-INF/services/".length()), key -> new LinkedHashSet<>());
                new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().map(line -> line.replaceAll("#.*", "").strip())
                        .filter(line -> !line.isEmpty()).forEach(names::add);
            }
        }
    }

    private void noteSupertypes(ClassNode node) {
        List<String> parents = new ArrayList<>(node.interfaces);
        if (node.superName != null) {
            parents.add(node.superName);
        }
        parents.forEach(parent -> subtypes.computeIfAbsent(parent, key -> new TreeSet<>()).add(node.name));
    }

    static Class<?> load(String internalName) {
        try {
            return Class.forName(internalName.replace('/', '.'), false, Jars.class.getClassLoader());
        } catch (ClassNotFoundException | LinkageError error) {
            throw new IllegalStateException("cannot load " + internalName, error);
        }
    }

    boolean isInterfaceOrAbstract(String name) {
        return (index.get(name).access & (Opcodes.ACC_INTERFACE | Opcodes.ACC_ABSTRACT)) != 0;
    }

    Code codeOf(Class<?> type, Method method) {
        return find(type.getName().replace('.', '/'), method.getName(), org.objectweb.asm.Type.getMethodDescriptor(method));
    }

    /** The code that a call of this method on `owner` runs: its own, inherited, or an interface's default; null where there is none. */
    Code find(String owner, String name, String descriptor) {
        for (String at = owner; at != null && index.containsKey(at); at = index.get(at).superName) {
            for (MethodNode method : index.get(at).methods) {
                if (method.name.equals(name) && method.desc.equals(descriptor) && method.instructions.size() > 0) {
                    return new Code(index.get(at), method);
                }
            }
        }
        return defaultMethod(owner, name, descriptor);
    }

    private Code defaultMethod(String owner, String name, String descriptor) {
        ClassNode node = index.get(owner);
        if (node == null) {
            return null;
        }
        for (String face : node.interfaces) {
            Code found = find(face, name, descriptor);
            if (found != null) {
                return found;
            }
        }
        return node.superName == null ? null : defaultMethod(node.superName, name, descriptor);
    }

    /** Adds the class and all below it. */
    void addBelow(String name, Set<String> found) {
        if (found.add(name)) {
            subtypes.getOrDefault(name, Set.of()).forEach(child -> addBelow(child, found));
        }
    }
}
